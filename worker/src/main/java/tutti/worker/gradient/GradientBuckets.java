package tutti.worker.gradient;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import tutti.common.config.AllReduceConfig.ReduceDType;
import tutti.common.protocol.WorkerReport.BucketTimes;
import tutti.worker.allreduce.Collectives;
import tutti.worker.allreduce.Partition;
import tutti.worker.allreduce.Pending;
import tutti.worker.model.GradientListener;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.Tensor;
import tutti.worker.tune.FlatLayout;
import tutti.worker.tune.Gradients;

/**
 * Sums the flat gradient buffer over all ranks, bucket by bucket, while backward goes on. Backward completes gradients from the
 * end of the buffer to its start, so one mark, the lowest complete element, says which buckets are full. Every rank cuts the same
 * buckets and starts them in the same order. Where updates are sharded a rank gets the sums of its part only, and {@link #spread}
 * brings the new weights of the others; where gradients of blocks share memory its part is kept before that takes others. What lies on a device travels through host memory: down when a bucket is full, up when it
 * is summed.
 */
public final class GradientBuckets implements GradientListener {
    /** As many buckets tell their times: the last ones, which backward hides least. */
    static final int TIMED = 64;

    /** From the end of the buffer to its start. */
    private final List<BucketPlan.Bucket> buckets;

    private final List<BucketPlan.Grain> grains;
    /** The gradients of this rank's grains. */
    private final List<Tensor> ownGrains = new ArrayList<>();

    private final double[] ownNorms;
    /** How many grains and virtual ranks are each rank's: a sum for each grain, those of one rank behind each other, then its losses. */
    private final Partition grainsOf;

    private final ByteBuffer squares;
    private final FlatLayout layout;
    private final Gradients gradients;
    private final Kernels kernels;
    private Collectives collectives;
    /** What travels, where the host cannot address the gradients themselves; else null. */
    private final ByteBuffer[] staging;

    private final LongSupplier clock;
    private final int virtualRanks;
    /** What gradients are between nodes. */
    private final DType wire;

    private final List<Pending> started = new ArrayList<>();
    private final List<BucketTimes> times = new ArrayList<>();
    private int next;
    /** Buckets whose sums are where the update finds them. */
    private int kept;

    private long waitedNanos;

    /**
     * @param kernels copies and squares gradients, on the thread that calls
     * @param virtualRanks of each rank
     * @param reduceDType float32: gradients travel as they are; bfloat16: they are F32
     * @param clock nanoseconds
     */
    public GradientBuckets(
            BucketPlan plan,
            Gradients gradients,
            Collectives collectives,
            Kernels kernels,
            int virtualRanks,
            ReduceDType reduceDType,
            LongSupplier clock) {
        this.buckets = new ArrayList<>(plan.ascending());
        Collections.reverse(buckets);
        this.grains = plan.grains();
        int[] counts = new int[collectives.worldSize()];
        Arrays.fill(counts, virtualRanks);
        grains.forEach(grain -> counts[grain.owner()]++);
        this.grainsOf = Partition.of(counts);
        this.squares =
                ByteBuffer.allocateDirect(grainsOf.elements() * Double.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        this.layout = plan.layout();
        this.gradients = gradients;
        this.kernels = kernels;
        this.virtualRanks = virtualRanks;
        this.wire = reduceDType == ReduceDType.BFLOAT16
                ? DType.BF16
                : gradients.written().dtype();
        this.collectives = collectives;
        this.clock = clock;
        for (BucketPlan.Grain grain : grains) {
            if (grain.owner() == collectives.rank()) {
                ownGrains.add(gradients.summed(grain.start(), grain.count()));
            }
        }
        ownNorms = new double[ownGrains.size()];
        staging = gradients.written().onHost() ? null : new ByteBuffer[buckets.size()];
        for (int i = 0; staging != null && i < staging.length; i++) {
            staging[i] = kernels.hostBuffer(
                    buckets.get(i).count() * gradients.written().dtype().bytes());
        }
    }

    /** Goes on in the next generation, with the same rank and world size. */
    public void rejoin(Collectives next) {
        collectives = next;
    }

    /** Before the backward whose gradients travel. */
    public void begin() {
        next = 0;
        kept = 0;
        waitedNanos = 0;
        started.clear();
        times.clear();
    }

    @Override
    public void begins(int part) {
        long behind = gradients.layout().behind(part);
        while (kept < next && buckets.get(kept).start() >= behind) {
            keep();
        }
    }

    @Override
    public void ready(int part) {
        long complete = layout.partStart(part);
        while (next < buckets.size() && buckets.get(next).start() >= complete) {
            BucketPlan.Bucket bucket = buckets.get(next);
            ByteBuffer host = host(next, written(bucket));
            DType dtype = gradients.written().dtype();
            String name = "gradients/" + next;
            started.add(bucket.partition()
                    .map(parts -> collectives.reduceScatterSum(name, host, dtype, wire, parts))
                    .orElseGet(() -> collectives.allReduceSum(name, host, dtype, wire)));
            next++;
        }
    }

    private Tensor written(BucketPlan.Bucket bucket) {
        return gradients.written(bucket.start(), bucket.count());
    }

    private ByteBuffer host(int bucket, Tensor slice) {
        if (staging == null) {
            return slice.bytes();
        }
        slice.read(staging[bucket].clear().limit((int) slice.byteSize()));
        return staging[bucket].flip();
    }

    /**
     * Waits until every bucket is summed.
     *
     * @throws tutti.common.error.TuttiException (peer) if a rank is lost
     */
    public void await() {
        if (next < buckets.size()) {
            throw new IllegalStateException("backward marked %d of %d buckets ready".formatted(next, buckets.size()));
        }
        while (kept < next) {
            keep();
        }
    }

    /** Waits for the sums of one bucket more, and brings them where the update finds them. */
    private void keep() {
        BucketPlan.Bucket bucket = buckets.get(kept);
        Pending pending = started.get(kept);
        long start = clock.getAsLong();
        pending.await();
        long waited = clock.getAsLong() - start;
        waitedNanos += waited;
        if (kept >= buckets.size() - TIMED) {
            times.add(new BucketTimes(kept, pending.nanos() / 1e6, waited / 1e6));
        }
        land(kept, written(bucket));
        gradients.keep(kernels, bucket.start(), bucket.count());
        kept++;
    }

    /** Nanoseconds since {@link #begin} that were spent waiting for sums. */
    public long waitedNanos() {
        return waitedNanos;
    }

    /** Of the buckets since {@link #begin} whose sums are there; at most the last {@value #TIMED} of them. */
    public List<BucketTimes> times() {
        return List.copyOf(times);
    }

    private void land(int bucket, Tensor slice) {
        if (staging != null) {
            slice.write(staging[bucket].rewind());
        }
    }

    private static Tensor slice(Tensor flat, BucketPlan.Bucket bucket) {
        return flat.rows(bucket.start(), bucket.count());
    }

    /**
     * Brings every rank the weights that others have updated; nothing where all update all.
     *
     * @param weights (size) in the layout, what products read; this rank's shard is new
     */
    public void spread(Tensor weights) {
        Map<Integer, Pending> gathers = new LinkedHashMap<>();
        for (int i = 0; i < buckets.size(); i++) {
            Partition parts = buckets.get(i).partition().orElse(null);
            if (parts != null) {
                ByteBuffer host = host(i, slice(weights, buckets.get(i)));
                gathers.put(i, collectives.allGather("weights/" + i, host, weights.dtype(), parts));
            }
        }
        gathers.forEach((bucket, gather) -> {
            gather.await();
            land(bucket, slice(weights, buckets.get(bucket)));
        });
    }

    /**
     * What all ranks come to know of a step before they update.
     *
     * @param gradNorm L2 norm of all gradients; NaN or infinite if any of them is
     * @param lossSum over all ranks
     */
    public record Totals(double gradNorm, double lossSum) {}

    /**
     * Squares are summed over grains, each on one rank, and the grains in their order everywhere, as losses in the order of virtual
     * ranks: the same bits on every rank, for any number of ranks, sharded or not.
     *
     * @param lossSums of each virtual rank of this rank
     */
    public Totals totals(double[] lossSums) {
        int at = grainsOf.start(collectives.rank()) * Double.BYTES;
        kernels.squaredNorms(ownGrains, ownNorms);
        for (double norm : ownNorms) {
            squares.putDouble(at, norm);
            at += Double.BYTES;
        }
        for (double lossSum : lossSums) {
            squares.putDouble(at, lossSum);
            at += Double.BYTES;
        }
        collectives.allGatherAndWait("grad norm and loss", squares, DType.F64, grainsOf);
        int[] next = new int[collectives.worldSize()];
        double total = 0;
        for (BucketPlan.Grain grain : grains) {
            total += squares.getDouble(position(grain, next));
        }
        double loss = 0;
        for (int rank = 0; rank < collectives.worldSize(); rank++) {
            int end = grainsOf.start(rank) + grainsOf.length(rank);
            for (int place = end - virtualRanks; place < end; place++) {
                loss += squares.getDouble(place * Double.BYTES);
            }
        }
        return new Totals(Math.sqrt(total), loss);
    }

    /** @param next how many grains of each rank came before; counts this one */
    private int position(BucketPlan.Grain grain, int[] next) {
        return (grainsOf.start(grain.owner()) + next[grain.owner()]++) * Double.BYTES;
    }
}
