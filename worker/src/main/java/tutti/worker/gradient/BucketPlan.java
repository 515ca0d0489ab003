package tutti.worker.gradient;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
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
            // A shard's buckets end with the part: its gradients may share memory with those of others.
            long floor = this.sharded ? sectionOf(end - 1) : 0;
            int grain = this.sharded ? layout.grain() : 1;
            boolean first = ascending.isEmpty() && !this.sharded;
            int bytes = first ? Math.min(FIRST_BYTES, bucketBytes) : bucketBytes;
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

    /** Where the norms, or the matrices of the part, begin that an element belongs to. */
    private long sectionOf(long element) {
        long start = 0;
        for (long section : sections()) {
            start = section <= element ? section : start;
        }
        return start;
    }

    /** Where norms and the matrices of each part begin, and the end of all. */
    private List<Long> sections() {
        List<Long> starts = new ArrayList<>(List.of(0L, layout.replicated()));
        for (int part = 0; part < layout.parts(); part++) {
            starts.add(layout.partEnd(part));
        }
        return starts;
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
        List<Long> sections = sections();
        List<Grain> unowned = new ArrayList<>();
        for (int i = 0; i < sections.size() - 1; i++) {
            for (long at = sections.get(i); at < sections.get(i + 1); at += layout.grain()) {
                unowned.add(new Grain(at, Math.min(layout.grain(), sections.get(i + 1) - at), -1));
            }
        }
        List<Grain> grains = new ArrayList<>();
        for (Grain grain : unowned) {
            int dealt = (int) ((long) grains.size() * ranks / unowned.size());
            grains.add(new Grain(
                    grain.start(), grain.count(), ownerOf(grain.start()).orElse(dealt)));
        }
        return grains;
    }

    /** The rank that updates an element; empty if all do. */
    private OptionalInt ownerOf(long element) {
        for (Bucket bucket : ascending) {
            Partition partition = bucket.partition().orElse(null);
            for (int rank = 0; partition != null && rank < ranks; rank++) {
                long from = bucket.start() + partition.start(rank);
                if (from <= element && element < from + partition.length(rank)) {
                    return OptionalInt.of(rank);
                }
            }
        }
        return OptionalInt.empty();
    }

    /** Bytes of the largest bucket. */
    public long largest() {
        return ascending.stream().mapToLong(Bucket::count).max().orElse(0) * elementBytes;
    }
}
