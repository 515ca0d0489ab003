package tutti.worker.gradient;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import tutti.worker.allreduce.Collectives;
import tutti.worker.allreduce.Pending;
import tutti.worker.model.GradientListener;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.Tensor;
import tutti.worker.tune.FlatLayout;

/**
 * Sums the flat gradient buffer over all ranks, bucket by bucket, while backward goes on. Backward completes gradients from the
 * end of the buffer to its start, so one mark, the lowest complete element, says which buckets are full. Every rank cuts the same
 * buckets and starts them in the same order. Where updates are sharded a rank gets the sums of its part only, and {@link #spread}
 * brings the new weights of the others. What lies on a device travels through host memory: down when a bucket is full, up when it
 * is summed.
 */
public final class GradientBuckets implements GradientListener {
    private final BucketPlan plan;
    private final List<BucketPlan.Bucket> buckets;
    private final List<BucketPlan.Grain> grains;
    private final FlatLayout layout;
    private final Tensor gradients;
    private final Collectives collectives;
    /** What travels, where the host cannot address the gradients themselves; else null. */
    private final ByteBuffer[] staging;

    private final List<Pending> started = new ArrayList<>();
    private int next;

    /** @param hostBuffer host memory of so many bytes, for gradients that the host cannot address */
    public GradientBuckets(
            BucketPlan plan, Tensor gradients, Collectives collectives, IntFunction<ByteBuffer> hostBuffer) {
        this.plan = plan;
        this.buckets = plan.buckets();
        this.grains = plan.grains();
        this.layout = plan.layout();
        this.gradients = gradients;
        this.collectives = collectives;
        staging = gradients.onHost() ? null : new ByteBuffer[buckets.size()];
        for (int i = 0; staging != null && i < staging.length; i++) {
            staging[i] =
                    hostBuffer.apply(buckets.get(i).count() * gradients.dtype().bytes());
        }
    }

    private static Tensor slice(Tensor flat, BucketPlan.Bucket bucket) {
        return flat.rows(bucket.start(), bucket.count());
    }

    /** Before the backward whose gradients travel. */
    public void begin() {
        next = 0;
        started.clear();
    }

    @Override
    public void ready(int part) {
        long complete = layout.partStart(part);
        while (next < buckets.size() && buckets.get(next).start() >= complete) {
            BucketPlan.Bucket bucket = buckets.get(next);
            ByteBuffer host = host(next, slice(gradients, bucket));
            String name = "gradients/" + next;
            started.add(
                    bucket.sharded()
                            ? collectives.reduceScatterSum(name, host, gradients.dtype(), plan.partition(bucket))
                            : collectives.allReduceSum(name, host, gradients.dtype()));
            next++;
        }
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
        land(gradients);
    }

    private void land(Tensor flat) {
        for (int bucket = 0; bucket < started.size(); bucket++) {
            Pending pending = started.get(bucket);
            if (pending != null) {
                pending.await();
                if (staging != null) {
                    slice(flat, buckets.get(bucket)).write(staging[bucket].rewind());
                }
            }
        }
        started.clear();
    }

    /**
     * Brings every rank the weights that others have updated; nothing where all update all.
     *
     * @param weights (size) in the layout, what products read; this rank's shard is new
     */
    public void spread(Tensor weights) {
        for (int i = 0; i < buckets.size(); i++) {
            BucketPlan.Bucket bucket = buckets.get(i);
            started.add(
                    bucket.sharded()
                            ? collectives.allGather(
                                    "weights/" + i,
                                    host(i, slice(weights, bucket)),
                                    weights.dtype(),
                                    plan.partition(bucket))
                            : null);
        }
        land(weights);
    }

    /**
     * L2 norm of all gradients; NaN or infinite if any of them is. Squares are summed over grains, each on one rank, and the grains in
     * their order everywhere: the same bits on every rank, for any number of ranks, sharded or not.
     */
    public double norm(Kernels kernels) {
        long[] sums = new long[grains.size()];
        for (int i = 0; i < sums.length; i++) {
            BucketPlan.Grain grain = grains.get(i);
            if (grain.owner() == collectives.rank()) {
                Tensor slice = gradients.rows(grain.start(), grain.count());
                sums[i] = Double.doubleToRawLongBits(kernels.squaredNorm(slice));
            }
        }
        long[][] all = collectives.allGather("grad norm", sums);
        double total = 0;
        for (int i = 0; i < sums.length; i++) {
            total += Double.longBitsToDouble(all[grains.get(i).owner()][i]);
        }
        return Math.sqrt(total);
    }
}
