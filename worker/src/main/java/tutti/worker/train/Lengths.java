package tutti.worker.train;

/**
 * What the memory of a run is cut for, in tokens.
 *
 * @param trained the longest sample that is trained on
 * @param heldOut the longest that is evaluated; 0: none
 * @param asked the longest prompt that an evaluation asks; 0: none
 */
record Lengths(int trained, int heldOut, int asked) {

    /** Before any sample is read. */
    static Lengths atMost(int longest) {
        return new Lengths(longest, longest, longest);
    }
}
