package tutti.worker.allreduce;

/** Adds up {@link CollectiveCounts}. Written by the thread that runs a collective, at its end; read by any. */
final class CollectiveCounters {
    private long nanos;
    private long bytesSent;
    private long busBytes;
    private long busNanos;
    private long refusedOffers;
    private long retransmits;

    /**
     * @param sent bytes of {@code what} that went to other ranks
     * @param ran nanoseconds
     * @param refused of all collectives so far
     * @param resent of all collectives so far
     */
    synchronized void ended(Collective what, long sent, long ran, long refused, long resent) {
        nanos += ran;
        bytesSent += sent;
        // What is shorter takes the latency of a hop, whatever the wire could carry.
        if (what.bytes() > Algorithms.SHORT_BYTES) {
            busBytes += what.busBytes();
            busNanos += ran;
        }
        refusedOffers = refused;
        retransmits = resent;
    }

    synchronized CollectiveCounts snapshot(DroppedFrames dropped) {
        return new CollectiveCounts(nanos, bytesSent, busBytes, busNanos, refusedOffers, retransmits, dropped.counts());
    }
}
