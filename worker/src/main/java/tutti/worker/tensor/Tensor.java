package tutti.worker.tensor;

import java.nio.ByteBuffer;

/**
 * A dense row-major block of numbers on one device. It owns no memory: the {@link Arena} it was taken from does, and a
 * tensor or a view must not be used after that arena is closed. Views share memory.
 */
public abstract class Tensor {
    private final DType dtype;
    private final Shape shape;

    protected Tensor(DType dtype, Shape shape) {
        this.dtype = dtype;
        this.shape = shape;
    }

    public final DType dtype() {
        return dtype;
    }

    public final Shape shape() {
        return shape;
    }

    public final long count() {
        return shape.count();
    }

    public final long byteSize() {
        return shape.count() * dtype.bytes();
    }

    /** A view of rows {@code from .. from+count-1} of the first dimension. */
    public abstract Tensor rows(long from, long count);

    /** A view of the same elements in another shape with the same count. */
    public abstract Tensor view(Shape shape);

    /**
     * The memory itself as a direct little-endian buffer from position 0 to {@link #byteSize()}: writes go through.
     *
     * @throws IllegalStateException if the tensor is on a device the host cannot address, or larger than 2 GiB - 1 (take
     *     {@link #rows} first)
     */
    public abstract ByteBuffer bytes();

    @Override
    public String toString() {
        return dtype + shape.toString();
    }
}
