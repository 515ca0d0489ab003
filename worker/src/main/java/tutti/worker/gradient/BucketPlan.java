package tutti.worker.gradient;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import tutti.worker.allreduce.Partition;
import tutti.worker.tune.FlatLayout;
import tutti.worker.tune.ShardLayout;

/** How the flat buffer travels: buckets from its end to its start, as backward completes them, and who updates what of them. */
public final class BucketPlan {
    /** The first bucket is small, so that the wire has something to do early. */
    private static final int FIRST_BYTES = 1 << 20;

    /**
     * Elements that travel at once.
     *
     * @param start element
     * @param partition who updates what of them; empty where every rank updates all
     */
    public record Bucket(long start, int count, Optional<Partition> partition) {
        public long end() {
            return start + count;
        }
    }

    /** Elements whose squares one rank sums. */
    record Grain(long start, long count, int owner) {}

    private final FlatLayout layout;
    private final int elementBytes;
    private final int ranks;
    private final boolean sharded;
    private final List<Bucket> ascending = new ArrayList<>();

    /**
     * @param elementBytes of a gradient
     * @param bucketBytes most bytes of one collective, but for a grain of a shard that is longer
     * @param sharded matrices are updated by one rank each, if there are several, else by all
     */
    public BucketPlan(FlatLayout layout, int elementBytes, int bucketBytes, int ranks, boolean sharded) {
        this.layout = layout;
        this.elementBytes = elementBytes;
        this.ranks = ranks;
        this.sharded = sharded && ranks > 1;
        int dealt = 0;
        // One rank alone has nothing to sum.
        for (long end = layout.size(); end > 0 && ranks > 1; ) {
            long floor = this.sharded && end > layout.replicated() ? layout.replicated() : 0;
            int grain = this.sharded ? layout.grain() : 1;
            int bytes = ascending.isEmpty() ? Math.min(FIRST_BYTES, bucketBytes) : bucketBytes;
            long most = Math.max(grain, bytes / elementBytes);
            // Cut where a multiple of the grain is counted from the floor, for shards to begin there.
            long start = floor + Math.max(0, (end - floor - most + grain - 1) / grain * grain);
            int count = (int) (end - start);
            Optional<Partition> partition = Optional.empty();
            if (this.sharded && start >= layout.replicated()) {
                partition = Optional.of(deal(count, grain, dealt));
                dealt = (dealt + grains(count, grain)) % ranks;
            }
            ascending.add(new Bucket(start, count, partition));
            end = start;
        }
        Collections.reverse(ascending);
    }

    /** Grains in equal parts; those that are left over go to ranks in turn, from {@code next} on, so that all end with about the same. */
    private Partition deal(int count, int grain, int next) {
        int all = grains(count, grain);
        int[] lengths = new int[ranks];
        Arrays.fill(lengths, all / ranks * grain);
        for (int extra = 0; extra < all % ranks; extra++) {
            lengths[(next + extra) % ranks] += grain;
        }
        int last = ranks - 1;
        while (lengths[last] == 0) {
            last--;
        }
        lengths[last] -= all * grain - count;
        return Partition.of(lengths);
    }

    private static int grains(long count, int grain) {
        return (int) ((count + grain - 1) / grain);
    }

    public FlatLayout layout() {
        return layout;
    }

    /** In the order of the elements; none for one rank. */
    public List<Bucket> ascending() {
        return Collections.unmodifiableList(ascending);
    }

    /** What a rank updates: everything, or all norms and its part of every other bucket. Rank 0 has as many grains as any. */
    public ShardLayout shard(int rank) {
        if (!sharded) {
            return ShardLayout.whole(layout);
        }
        List<ShardLayout.Segment> segments = new ArrayList<>();
        long at = layout.replicated();
        if (at > 0) {
            segments.add(new ShardLayout.Segment(0, at, 0));
        }
        for (Bucket bucket : ascending) {
            Partition partition = bucket.partition().orElse(null);
            if (partition != null && partition.length(rank) > 0) {
                segments.add(
                        new ShardLayout.Segment(bucket.start() + partition.start(rank), partition.length(rank), at));
                at += partition.length(rank);
            }
        }
        return new ShardLayout(segments, false);
    }

    /** Of all elements, in their order; none lies in two shards. Where all ranks have all sums, grains are dealt evenly. */
    List<Grain> grains() {
        List<Grain> grains = new ArrayList<>();
        long norms = layout.replicated();
        int all = grains(norms, layout.grain()) + grains(layout.size() - norms, layout.grain());
        add(0, norms, all, -1, grains);
        if (!sharded) {
            add(norms, layout.size(), all, -1, grains);
            return grains;
        }
        for (Bucket bucket : ascending) {
            Partition partition = bucket.partition().orElse(null);
            for (int rank = 0; partition != null && rank < ranks; rank++) {
                long start = bucket.start() + partition.start(rank);
                add(start, start + partition.length(rank), all, rank, grains);
            }
        }
        return grains;
    }

    /** @param owner of all of these, or -1: dealt by their numbers among {@code all} */
    private void add(long start, long end, int all, int owner, List<Grain> grains) {
        for (long at = start; at < end; at += layout.grain()) {
            int dealt = (int) ((long) grains.size() * ranks / all);
            grains.add(new Grain(at, Math.min(layout.grain(), end - at), owner < 0 ? dealt : owner));
        }
    }

    /** Bytes of the largest bucket. */
    public long largest() {
        return ascending.stream().mapToLong(Bucket::count).max().orElse(0) * elementBytes;
    }
}
