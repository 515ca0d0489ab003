package tutti.worker.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.List;
import tutti.worker.allreduce.Collectives;
import tutti.worker.gradient.BucketPlan;
import tutti.worker.tune.Replica;
import tutti.worker.tune.ShardLayout;

/**
 * The master weights of all elements, from the first to the last. Where ranks hold shards of them, each bucket of them is gathered
 * from all when the first element of it is read: then every rank must go through all buckets, by {@link #read} or {@link #pass},
 * which begins again when it is through.
 */
final class MasterWeights {
    /** The rank that writes the model may have a slow disk. */
    private static final Duration DISK_PATIENCE = Duration.ofMinutes(30);

    private final Replica replica;
    private final Collectives collectives;
    private final int width;
    /** Empty where every rank has everything. */
    private final List<BucketPlan.Bucket> windows;

    private final ByteBuffer gathered;
    /** The window that is gathered; -1 before the first. */
    private int current = -1;

    /** @param plan that the replica's shard comes from */
    MasterWeights(Replica replica, BucketPlan plan, Collectives collectives) {
        this.replica = replica;
        this.collectives = collectives;
        this.width = replica.masterDType().bytes();
        this.windows = replica.hasAllMasters() ? List.of() : plan.ascending();
        long largest =
                windows.stream().mapToLong(BucketPlan.Bucket::count).max().orElse(0);
        this.gathered = ByteBuffer.allocateDirect((int) largest * width).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Fills {@code into} with the values from element {@code start} on; starts never go back by more than a bucket. */
    void read(long start, ByteBuffer into) {
        if (windows.isEmpty()) {
            replica.master(start, into.remaining() / width).read(into);
            return;
        }
        for (long at = start; into.hasRemaining(); ) {
            while (current < 0 || windows.get(current).end() <= at) {
                gatherNext();
            }
            BucketPlan.Bucket window = windows.get(current);
            int from = (int) (at - window.start()) * width;
            int count = Math.min(into.remaining(), window.count() * width - from);
            into.put(gathered.slice(from, count));
            at += count / width;
        }
    }

    /** Takes part in gathering what this rank has not read, and is ready to be read from the first element again. */
    void pass() {
        while (current < windows.size() - 1) {
            gatherNext();
        }
        current = -1;
    }

    private void gatherNext() {
        current++;
        BucketPlan.Bucket window = windows.get(current);
        gathered.clear().limit(window.count() * width);
        for (ShardLayout.Segment segment : replica.shard().within(window.start(), window.count())) {
            int from = (int) (segment.start() - window.start()) * width;
            replica.master(segment).read(gathered.slice(from, (int) segment.count() * width));
        }
        if (window.partition().isPresent()) {
            collectives.allGatherAndWait(
                    "master weights/" + current,
                    gathered,
                    replica.masterDType(),
                    window.partition().get(),
                    DISK_PATIENCE);
        }
    }
}
