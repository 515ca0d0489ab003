package tutti.worker.tensor;

import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

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

    /** False if the elements lie where {@link #bytes} cannot reach them: only {@link #read} and {@link #write} do. */
    public boolean onHost() {
        return true;
    }

    /**
     * Copies all elements to the host, once the kernels before have written them.
     *
     * @param into has {@link #byteSize} bytes remaining, which are taken as little-endian values; a direct one spares a copy
     */
    public final void read(ByteBuffer into) {
        requireFit("read", into);
        download(into);
    }

    /**
     * Overwrites all elements from the host.
     *
     * @param from has {@link #byteSize} bytes remaining, little-endian values; a direct one spares a copy
     */
    public final void write(ByteBuffer from) {
        requireFit("write", from);
        upload(from);
    }

    private void requireFit(String what, ByteBuffer host) {
        TuttiException.require(
                host.remaining() == byteSize(),
                Category.BUG,
                "%s %s: the buffer has bytes=%d remaining, expected %d",
                what,
                this,
                host.remaining(),
                byteSize());
    }

    /** {@link #read}, once the sizes are known to fit. */
    protected void download(ByteBuffer into) {
        into.put(bytes());
    }

    /** {@link #write}, once the sizes are known to fit. */
    protected void upload(ByteBuffer from) {
        bytes().put(from);
    }

    /**
     * The host's view of an I32 tensor: ids, positions and labels, which the host alone writes. A tensor that is not on the host
     * keeps what {@link #write} gave it, so that arguments are checked without waiting for the device.
     */
    public IntBuffer ints() {
        return bytes().asIntBuffer();
    }

    @Override
    public String toString() {
        return dtype + shape.toString();
    }
}
