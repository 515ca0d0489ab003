package tutti.deploy.quickstart;

/** A question with its only right answer, each one line of printable ASCII. */
record Sample(Kind kind, String question, String answer) {
    /** What is asked for. */
    enum Kind {
        ARITHMETIC("arithmetic"),
        SQL("table to SQL");

        private final String title;

        Kind(String title) {
            this.title = title;
        }

        /** For people. */
        String title() {
            return title;
        }
    }
}
