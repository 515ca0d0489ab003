package tutti.worker.train;

/** The gradients of a step are infinite or no number; all ranks know, and none has updated anything. */
public final class NonfiniteStep extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final long step;

    NonfiniteStep(long step, String message) {
        super(message, null, false, false);
        this.step = step;
    }

    /** From 0. */
    public long step() {
        return step;
    }
}
