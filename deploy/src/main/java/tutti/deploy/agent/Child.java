package tutti.deploy.agent;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import org.slf4j.LoggerFactory;

/**
 * One process that the agent started. Its standard input is a pipe that the agent holds open; see {@link ParentWatch}.
 *
 * @param rank -1 for the coordinator
 * @param log where its output is kept, or null if it is only shown
 * @param memory what it held when it was looked at
 */
record Child(int rank, Process process, Path log, LastMemory memory) {
    /** Exit codes above this one are 128 + signal, by the JVM's and the shell's convention. */
    private static final int SIGNAL_BASE = 128;

    Child(int rank, Process process, Path log) {
        this(rank, process, log, new LastMemory(process.pid()));
    }

    /** A child that is gone, or that does not listen, hears nothing. */
    void say(Word word) {
        OutputStream ear = process.getOutputStream();
        try {
            ear.write(word.code());
            ear.flush();
        } catch (IOException e) {
            LoggerFactory.getLogger(Child.class)
                    .debug("pid {} does not hear {}: {}", process.pid(), word, e.toString());
        }
    }

    boolean isCoordinator() {
        return rank < 0;
    }

    /** How it ended, for the person at the terminal. */
    String epitaph(String host) {
        String name = isCoordinator() ? "the coordinator" : "worker rank " + rank;
        String where = log == null ? "" : "; its log: " + log;
        return "%s (pid %d) on %s %s%s"
                .formatted(name, process.pid(), host, manner(process.exitValue(), memory.figures()), where);
    }

    static boolean killed(int exitCode) {
        return exitCode > SIGNAL_BASE;
    }

    private static String manner(int exitCode, String memory) {
        if (!killed(exitCode)) {
            return "ended with code %d before the run was over".formatted(exitCode);
        }
        int signal = exitCode - SIGNAL_BASE;
        return "was killed by signal %d%s"
                .formatted(
                        signal,
                        switch (signal) {
                            case 9 -> " (often out of memory%s)".formatted(memory.isEmpty() ? "" : ": " + memory);
                            case 15 -> " (SIGTERM, sent by somebody else)";
                            case 6, 7, 11 -> " (a crash in native code; see hs_err_pid*.log)";
                            default -> "";
                        });
    }
}
