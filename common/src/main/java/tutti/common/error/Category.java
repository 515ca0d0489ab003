package tutti.common.error;

/** Who can repair it. Each category is one process exit code; the README shows this table. */
public enum Category {
    /** A flag, a config key or a combination of them. Change the command. */
    USER(2),
    /** A data set, tokenizer or model folder that cannot be used as it is. Change the file. */
    DATA(3),
    /** The machine: a port in use, a full disk, a missing program, too little memory. Change the machine. */
    ENVIRONMENT(4),
    /** A worker, an agent or the coordinator was lost, or did not answer in time. */
    PEER(5),
    /** The loss or a gradient is not a finite number. */
    NUMERIC(6),
    /** The run was told to make room, and left behind a checkpoint. Resume it. */
    PREEMPTED(75),
    /** A fault of Tutti itself. Report it with the log. */
    BUG(70);

    private final int exitCode;

    Category(int exitCode) {
        this.exitCode = exitCode;
    }

    public int exitCode() {
        return exitCode;
    }
}
