package tutti.coordinator.plan;

/**
 * How far ahead shards are handed out: so far that no worker ever waits for one, so short that little is lost or repeated when
 * the membership changes.
 */
public record LeaseWindow(long totalSteps) {
    private static final long AHEAD = 32;

    /** Steps to hand out next: {@code from} to {@code to} (exclusive); empty when from equals to. */
    public record Range(long from, long to) {
        public boolean isEmpty() {
            return from >= to;
        }
    }

    /**
     * @param completed steps that all ranks have completed
     * @param leased steps handed out so far
     */
    public Range next(long completed, long leased) {
        if (leased - completed > AHEAD / 2) {
            return new Range(leased, leased);
        }
        return new Range(leased, Math.min(totalSteps, completed + AHEAD));
    }
}
