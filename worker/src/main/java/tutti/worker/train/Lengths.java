package tutti.worker.train;

/**
 * What the memory of a run is cut for; lengths are in tokens.
 *
 * @param trained the longest sample that is trained on
 * @param heldOut the longest that is evaluated; 0: none
 * @param asked the longest prompt that an evaluation asks; 0: none
 * @param questions most prompts that it could ask at once
 */
record Lengths(int trained, int heldOut, int asked, int questions) {

    /** Before any sample is read. */
    static Lengths atMost(int longest) {
        return new Lengths(longest, longest, longest, Integer.MAX_VALUE);
    }
}
