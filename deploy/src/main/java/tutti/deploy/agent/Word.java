package tutti.deploy.agent;

/** What an agent says to a child: one byte on the child's standard input. */
enum Word {
    /** Make room: a checkpoint, then the end. */
    PREEMPT('p'),
    /** The coordinator was killed, and another one starts. */
    COORDINATOR_LOST('c'),
    /** End at once. */
    END('e');

    private final int code;

    Word(int code) {
        this.code = code;
    }

    int code() {
        return code;
    }
}
