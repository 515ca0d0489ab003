package tutti.coordinator.run;

/**
 * What a generation begins with.
 *
 * @param resumeFrom a committed checkpoint, or empty: the model
 * @param stateFrom rank that has the state and gives it to all; -1: they read it
 * @param step that the state of that rank has behind it; 0 if they read it
 */
record Start(String resumeFrom, int stateFrom, long step) {
    static Start read(String resumeFrom) {
        return new Start(resumeFrom, -1, 0);
    }
}
