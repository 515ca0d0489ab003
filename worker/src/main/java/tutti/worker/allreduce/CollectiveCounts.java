package tutti.worker.allreduce;

import java.util.EnumMap;
import java.util.Map;

/**
 * What the collectives of one rank have done since the start, or between two moments. Counted when a collective has ended; of one
 * that moves nothing, as all do with one rank, nothing is counted.
 *
 * @param nanos in which one of them ran, waits for other ranks included
 * @param bytesSent payload handed to other ranks, in frames or in memory that they share; once for each rank that gets it
 * @param busBytes of those above {@value Algorithms#SHORT_BYTES} bytes; see {@link Collective#busBytes}
 * @param busNanos the part of {@code nanos} in which those ran
 * @param refusedOffers frames that the link had no room for and that were offered again
 * @param retransmits see {@link ChunkLink#retransmits}
 * @param dropped frames that came and were not used; has every kind
 */
public record CollectiveCounts(
        long nanos,
        long bytesSent,
        long busBytes,
        long busNanos,
        long refusedOffers,
        long retransmits,
        Map<DroppedFrames.Kind, Long> dropped) {

    /** What has come since {@code before}. */
    public CollectiveCounts minus(CollectiveCounts before) {
        Map<DroppedFrames.Kind, Long> fresh = new EnumMap<>(DroppedFrames.Kind.class);
        dropped.forEach((kind, frames) -> fresh.put(kind, frames - before.dropped.get(kind)));
        return new CollectiveCounts(
                nanos - before.nanos,
                bytesSent - before.bytesSent,
                busBytes - before.busBytes,
                busNanos - before.busNanos,
                refusedOffers - before.refusedOffers,
                retransmits - before.retransmits,
                fresh);
    }
}
