package tutti.worker.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.IntBuffer;

/** A slice of one direct buffer: F64 numbers, or I32 ids. */
final class ReferenceTensor extends Tensor {
    private final ByteBuffer memory;

    /** @param memory exactly the bytes of the tensor, shared with the arena */
    ReferenceTensor(DType dtype, Shape shape, ByteBuffer memory) {
        super(dtype, shape);
        this.memory = memory.order(ByteOrder.LITTLE_ENDIAN);
    }

    /** The numbers of an F64 tensor; writes go through. */
    static DoubleBuffer doubles(Tensor tensor) {
        return ((ReferenceTensor) Checks.dtype("tensor", tensor, DType.F64)).memory.asDoubleBuffer();
    }

    /** The ids of an I32 tensor; writes go through. */
    static IntBuffer ints(Tensor tensor) {
        return ((ReferenceTensor) Checks.dtype("tensor", tensor, DType.I32)).memory.asIntBuffer();
    }

    @Override
    public Tensor rows(long from, long count) {
        Checks.rows(this, from, count);
        int rowBytes = shape().size(0) == 0 ? 0 : (int) (byteSize() / shape().size(0));
        int at = (int) from * rowBytes;
        return new ReferenceTensor(dtype(), shape().withRows(count), memory.slice(at, (int) count * rowBytes));
    }

    @Override
    public Tensor view(Shape shape) {
        Checks.sameCount(this, shape);
        return new ReferenceTensor(dtype(), shape, memory.duplicate());
    }

    @Override
    public ByteBuffer bytes() {
        return memory.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    }
}
