package tutti.common.token.jinja;

/**
 * How much one rendering may do. A template comes from a file of somebody else: whatever takes time or memory is charged here,
 * so that a hostile one ends with an error and not with the process.
 */
final class Budget {
    /** Characters of the output, and of any other one text. */
    static final int MAX_TEXT = 10_000_000;

    /** Expressions, bodies and lists inside each other; a stack of 512 KiB holds them. */
    static final int MAX_DEPTH = 400;

    /** Characters written or searched, and {@link #STEP} for each expression: seconds, at worst. */
    private static final long MAX_WORK = 256_000_000;

    private static final int STEP = 32;

    private long work;
    private int depth;

    void charge(long units) {
        work += units;
        if (work > MAX_WORK) {
            throw JinjaError.of("the template does too much work: more than %d units", MAX_WORK);
        }
    }

    /** One level deeper; {@link #leave} comes back. An error ends the rendering, so nobody has to leave after one. */
    void enter() {
        charge(STEP);
        if (++depth > MAX_DEPTH) {
            throw JinjaError.of("maximum recursion depth exceeded: more than %d levels", MAX_DEPTH);
        }
    }

    void leave() {
        depth--;
    }

    /** Charges for a text or a list that is about to be made. */
    void make(long length) {
        if (length > MAX_TEXT) {
            throw JinjaError.of("the template makes a value of more than %d characters or items", MAX_TEXT);
        }
        charge(length);
    }
}
