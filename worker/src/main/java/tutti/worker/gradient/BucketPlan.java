package tutti.worker.gradient;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tutti.worker.allreduce.Partition;
import tutti.worker.tune.FlatLayout;
import tutti.worker.tune.ShardLayout;

/**
 * How the flat buffer travels: buckets from its end to its start, as backward completes them, and who updates what of them.
 *
 * @param elementBytes of a gradient
 * @param bucketBytes most bytes of one collective
 * @param sharded matrices are updated by one rank each, else by all
 */
public record BucketPlan(FlatLayout layout, int elementBytes, int bucketBytes, int ranks, boolean sharded) {
    /** The first bucket is small, so that the wire has something to do early. */
    private static final int FIRST_BYTES = 1 << 20;

    /**
     * @param start element
     * @param sharded updated by the ranks of its partition, else by all
     */
    record Bucket(long start, int count, boolean sharded) {}

    /**
     * Elements that are gathered at once.
     *
     * @param partition whose they are; empty where every rank has them
     */
    public record Window(long start, long count, Optional<Partition> partition) {
        public long end() {
            return start + count;
        }
    }

    /** All elements, from the first to the last. */
    public List<Window> windows() {
        List<Window> windows = new ArrayList<>();
        for (Bucket bucket : buckets()) {
            Optional<Partition> partition = bucket.sharded() ? Optional.of(partition(bucket)) : Optional.empty();
            windows.add(0, new Window(bucket.start(), bucket.count(), partition));
        }
        return windows;
    }

    /** Elements whose squares one rank sums. */
    record Grain(long start, long count, int owner) {}

    /** From the end to the start; none for one rank, which has nothing to sum. */
    List<Bucket> buckets() {
        List<Bucket> buckets = new ArrayList<>();
        if (ranks == 1) {
            return buckets;
        }
        long floor = sharded ? layout.replicated() : 0;
        for (long end = layout.size(); end > 0; ) {
            floor = end > floor ? floor : 0;
            // Cut where a multiple of the grain is counted from the floor, for shards to begin there.
            int most = elements(buckets.isEmpty() ? Math.min(FIRST_BYTES, bucketBytes) : bucketBytes);
            long start = Math.max(floor, floor + roundUp(end - floor - most, sharded ? layout.grain() : 1));
            buckets.add(new Bucket(start, (int) (end - start), sharded && start >= layout.replicated()));
            end = start;
        }
        return buckets;
    }

    private int elements(int bytes) {
        return Math.max(sharded ? layout.grain() : 1, bytes / elementBytes);
    }

    private static long roundUp(long elements, int grain) {
        return elements <= 0 ? elements : (elements + grain - 1) / grain * grain;
    }

    /** Who updates what of a sharded bucket. */
    Partition partition(Bucket bucket) {
        return Partition.even(bucket.count(), ranks, layout.grain());
    }

    /** What a rank updates: everything, or all norms and its part of every other bucket. */
    public ShardLayout shard(int rank) {
        if (!sharded || ranks == 1) {
            return ShardLayout.whole(layout);
        }
        List<ShardLayout.Segment> segments = new ArrayList<>();
        segments.add(new ShardLayout.Segment(0, layout.replicated(), 0));
        long at = layout.replicated();
        List<Bucket> buckets = buckets();
        for (int i = buckets.size() - 1; i >= 0; i--) {
            Bucket bucket = buckets.get(i);
            if (bucket.sharded()) {
                Partition partition = partition(bucket);
                long start = bucket.start() + partition.start(rank);
                segments.add(new ShardLayout.Segment(start, partition.length(rank), at));
                at += partition.length(rank);
            }
        }
        segments.removeIf(segment -> segment.count() == 0);
        return new ShardLayout(segments);
    }

    /** Of all elements, in their order; none lies in two shards. Where all ranks have all sums, they are dealt evenly. */
    List<Grain> grains() {
        List<Grain> grains = new ArrayList<>();
        int grain = layout.grain();
        for (long start = 0; start < layout.size(); ) {
            long region = start < layout.replicated() ? layout.replicated() : layout.size();
            long end = Math.min(start + grain, region);
            grains.add(new Grain(start, end - start, 0));
            start = end;
        }
        List<ShardLayout> shards = new ArrayList<>();
        for (int rank = 0; sharded && rank < ranks; rank++) {
            shards.add(shard(rank));
        }
        for (int i = 0; i < grains.size(); i++) {
            long start = grains.get(i).start();
            int owner = (int) ((long) i * ranks / grains.size());
            for (int rank = 0; start >= layout.replicated() && rank < shards.size(); rank++) {
                owner = shards.get(rank).within(start, 1).isEmpty() ? owner : rank;
            }
            grains.set(i, new Grain(start, grains.get(i).count(), owner));
        }
        return List.copyOf(grains);
    }

    /** Bytes of the largest bucket. */
    public long largest() {
        return buckets().stream().mapToLong(Bucket::count).max().orElse(0) * elementBytes;
    }
}
