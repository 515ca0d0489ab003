package tutti.coordinator.plan;

/**
 * How far ahead shards are handed out: so far that no worker waits long for one, so short that a checkpoint which somebody asks for
 * is taken within seconds. What has been handed out is trained before it.
 */
public record LeaseWindow(long totalSteps) {
    private static final double AHEAD_MILLIS = 4000;
    private static final long MOST = 32;
    private static final long BEFORE_THE_FIRST = 2;

    /** Steps to hand out next: {@code from} to {@code to} (exclusive); empty when from equals to. */
    public record Range(long from, long to) {
        public boolean isEmpty() {
            return from >= to;
        }
    }

    /**
     * @param completed steps that all ranks have completed
     * @param leased steps handed out so far
     * @param stepMillis time of the last step; 0 where there was none
     */
    public Range next(long completed, long leased, double stepMillis) {
        long ahead = stepMillis > 0 ? Math.max(1, (long) Math.min(MOST, AHEAD_MILLIS / stepMillis)) : BEFORE_THE_FIRST;
        if (leased - completed > ahead / 2) {
            return new Range(leased, leased);
        }
        return new Range(leased, Math.min(totalSteps, completed + ahead));
    }
}
