package tutti.worker.tensor.nd4j;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.bytedeco.javacpp.BytePointer;
import org.nd4j.linalg.api.buffer.DataType;
import tutti.worker.tensor.Checks;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/** A slice of an {@link Nd4jArena}: an offset and a shape. ND4J's array over it lives as long as the {@link Call} that makes it. */
final class Nd4jTensor extends Tensor {
    private final Nd4jArena arena;
    private final long offset;

    /** @param offset in bytes from the start of the arena */
    Nd4jTensor(Nd4jArena arena, long offset, DType dtype, Shape shape) {
        super(dtype, shape);
        this.arena = arena;
        this.offset = offset;
    }

    static long address(Tensor tensor) {
        Nd4jTensor own = (Nd4jTensor) tensor;
        return own.arena.address(own.offset, own);
    }

    @Override
    public Tensor rows(long from, long count) {
        Checks.rows(this, from, count);
        long rowBytes = shape().size(0) == 0 ? 0 : byteSize() / shape().size(0);
        return new Nd4jTensor(arena, offset + from * rowBytes, dtype(), shape().withRows(count));
    }

    @Override
    public Tensor view(Shape shape) {
        Checks.sameCount(this, shape);
        return new Nd4jTensor(arena, offset, dtype(), shape);
    }

    /** Every kernel call waits for the device before it returns, so these are the values. */
    @Override
    public ByteBuffer bytes() {
        long address = address(this);
        if (byteSize() > Integer.MAX_VALUE) {
            throw new IllegalStateException(
                    this + ": bytes=" + byteSize() + " do not fit one ByteBuffer; take rows() first");
        }
        if (byteSize() == 0) {
            return ByteBuffer.allocateDirect(0).order(ByteOrder.LITTLE_ENDIAN);
        }
        // The copy of a pointer that owns nothing owns nothing either.
        return new BytePointer(new Block.At(address, byteSize()))
                .capacity(byteSize())
                .asByteBuffer()
                .order(ByteOrder.LITTLE_ENDIAN);
    }

    static DataType dataType(DType dtype) {
        return switch (dtype) {
            case F64 -> DataType.DOUBLE;
            case F32 -> DataType.FLOAT;
            case BF16 -> DataType.BFLOAT16;
            case I64 -> DataType.INT64;
            case I32 -> DataType.INT32;
            case U8 -> DataType.UINT8;
        };
    }
}
