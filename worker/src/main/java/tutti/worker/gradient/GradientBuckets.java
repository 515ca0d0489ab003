package tutti.worker.gradient;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import tutti.worker.allreduce.Collectives;
import tutti.worker.allreduce.Pending;
import tutti.worker.model.GradientListener;
import tutti.worker.tensor.Tensor;
import tutti.worker.tune.FlatLayout;

/**
 * Sums the flat gradient buffer over all ranks, bucket by bucket, while backward goes on. Backward completes gradients from the
 * end of the buffer to its start, so one mark, the lowest complete element, says which buckets are full. Every rank cuts the same
 * buckets and starts them in the same order. Gradients on a device travel through host memory: down when a bucket is full, up when
 * it is summed.
 */
public final class GradientBuckets implements GradientListener {
    /** @param start element; @param count elements */
    private record Bucket(long start, long count) {}

    private final FlatLayout layout;
    private final Tensor gradients;
    private final Collectives collectives;
    /** What travels, where the host cannot address the gradients themselves; else null. */
    private final ByteBuffer[] staging;

    private final List<Bucket> buckets = new ArrayList<>();
    private final List<Pending> started = new ArrayList<>();
    private int next;

    /** @param bucketBytes most bytes of one all-reduce */
    public GradientBuckets(FlatLayout layout, Tensor gradients, Collectives collectives, int bucketBytes) {
        this.layout = layout;
        this.gradients = gradients;
        this.collectives = collectives;
        long most = Math.max(1, bucketBytes / gradients.dtype().bytes());
        for (long end = layout.size(); end > 0; end -= most) {
            long start = Math.max(0, end - most);
            buckets.add(new Bucket(start, end - start));
        }
        staging = gradients.onHost() ? null : new ByteBuffer[buckets.size()];
        for (int i = 0; staging != null && i < staging.length; i++) {
            staging[i] = ByteBuffer.allocateDirect(
                            Math.toIntExact(slice(buckets.get(i)).byteSize()))
                    .order(ByteOrder.LITTLE_ENDIAN);
        }
    }

    private Tensor slice(Bucket bucket) {
        return gradients.rows(bucket.start(), bucket.count());
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
            Tensor slice = slice(buckets.get(next));
            started.add(collectives.allReduceSum("gradients/" + next, host(next, slice), slice.dtype()));
            next++;
        }
    }

    private ByteBuffer host(int bucket, Tensor slice) {
        if (staging == null) {
            return slice.bytes();
        }
        slice.read(staging[bucket].clear());
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
        for (int bucket = 0; bucket < next; bucket++) {
            started.get(bucket).await();
            if (staging != null) {
                slice(buckets.get(bucket)).write(staging[bucket].clear());
            }
        }
    }
}
