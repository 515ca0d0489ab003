package tutti.worker.tune;

import java.util.List;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.MemoryUse;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;
import tutti.worker.tune.ShardLayout.Segment;

/** The gradients of a replica, in the master dtype: what backward writes, and the sums over all ranks that the update reads. */
public final class Gradients {
    private final GradientLayout layout;
    private final Tensor written;
    private final Tensor sums;

    /**
     * @param memory for what backward writes, {@link #bytes}
     * @param own for sums that wait elsewhere
     */
    public Gradients(GradientLayout layout, DType dtype, Arena memory, Arena own) {
        this.layout = layout;
        this.written = memory.counting(MemoryUse.GRADIENTS).take("gradients", dtype, Shape.of(layout.size()));
        this.sums = own.counting(MemoryUse.GRADIENTS).take("sums of gradients", dtype, Shape.of(layout.sums()));
    }

    /** Bytes that backward writes. */
    public static long bytes(GradientLayout layout, DType dtype) {
        return Arena.bytesFor(dtype, Shape.of(layout.size()));
    }

    public GradientLayout layout() {
        return layout;
    }

    /** All that backward writes. */
    public Tensor written() {
        return written;
    }

    /** Where backward writes those of {@code count} elements, which lie in one part. */
    public Tensor written(long start, long count) {
        return written.rows(layout.place(start), count);
    }

    /** Where backward writes those of one weight. */
    Tensor of(FlatLayout.Slot slot) {
        long count = slot.spec().shape().count();
        return written(slot.start(), count).view(slot.spec().shape());
    }

    /** The sums of a part of this rank's shard, when all ranks have been added up and {@link #keep} has been called. */
    public Tensor summed(Segment segment) {
        return layout.passes(segment.start())
                ? sums.rows(layout.sumPlace(segment), segment.count())
                : written(segment.start(), segment.count());
    }

    /** As above, for elements that lie in one segment. */
    public Tensor summed(long start, long count) {
        List<Segment> found = layout.shard().within(start, count);
        if (found.size() != 1 || found.get(0).count() != count) {
            throw new IllegalArgumentException("elements %d to %d are in no segment".formatted(start, start + count));
        }
        return summed(found.get(0));
    }

    /** Takes this rank's sums of these elements out of memory that later gradients take. */
    public void keep(Kernels kernels, long start, long count) {
        if (layout.passes(start)) {
            for (Segment segment : layout.shard().within(start, count)) {
                kernels.copy(summed(segment), written(segment.start(), segment.count()));
            }
        }
    }
}
