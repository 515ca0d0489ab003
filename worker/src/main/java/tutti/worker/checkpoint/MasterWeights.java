package tutti.worker.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import tutti.worker.allreduce.Collectives;
import tutti.worker.gradient.BucketPlan;
import tutti.worker.tune.Replica;
import tutti.worker.tune.ShardLayout;

/**
 * The master weights of all elements, from the first to the last. Where ranks hold shards of them, each window of them is gathered
 * from all when the first element of it is read: then every rank must go through all windows, by {@link #read} or {@link #pass}.
 */
final class MasterWeights {
    private final Replica replica;
    private final Collectives collectives;
    private final int width;
    /** Empty where this rank has everything. */
    private final List<BucketPlan.Window> windows;

    private final ByteBuffer gathered;
    /** The window that is gathered; -1 before the first. */
    private int current = -1;

    /** @param plan that the replica's shard comes from */
    MasterWeights(Replica replica, BucketPlan plan, Collectives collectives) {
        this.replica = replica;
        this.collectives = collectives;
        this.width = replica.masterDType().bytes();
        this.windows = replica.hasAllMasters() ? List.of() : plan.windows();
        long largest =
                windows.stream().mapToLong(BucketPlan.Window::count).max().orElse(0);
        this.gathered = ByteBuffer.allocateDirect((int) largest * width).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Fills {@code into} with the values from element {@code start} on; starts never go back by more than a window. */
    void read(long start, ByteBuffer into) {
        if (windows.isEmpty()) {
            replica.master(start, into.remaining() / width).read(into);
            return;
        }
        for (long at = start; into.hasRemaining(); ) {
            while (current < 0 || windows.get(current).end() <= at) {
                gatherNext();
            }
            BucketPlan.Window window = windows.get(current);
            int from = (int) (at - window.start()) * width;
            int count = Math.min(into.remaining(), (int) window.count() * width - from);
            into.put(gathered.slice(from, count));
            at += count / width;
        }
    }

    /** Takes part in gathering what this rank does not read. */
    void pass() {
        while (current < windows.size() - 1) {
            gatherNext();
        }
    }

    private void gatherNext() {
        current++;
        BucketPlan.Window window = windows.get(current);
        gathered.clear().limit((int) window.count() * width);
        for (ShardLayout.Segment segment : replica.shard().within(window.start(), window.count())) {
            int from = (int) (segment.start() - window.start()) * width;
            replica.master(segment).read(gathered.slice(from, (int) segment.count() * width));
        }
        if (window.partition().isPresent()) {
            collectives
                    .allGather(
                            "master weights/" + current,
                            gathered,
                            replica.masterDType(),
                            window.partition().get())
                    .await();
        }
    }
}
