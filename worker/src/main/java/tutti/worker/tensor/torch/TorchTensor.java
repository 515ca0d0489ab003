package tutti.worker.tensor.torch;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import tutti.worker.tensor.Checks;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/**
 * A libtorch handle on a slice of a {@link TorchArena}. The handle owns no memory and is freed by the garbage collector; the
 * memory is freed when the arena closes, after which {@link #handle()} and {@link #bytes()} refuse.
 */
final class TorchTensor extends Tensor {
    private final TorchArena arena;
    private final long offset;
    private final org.bytedeco.pytorch.Tensor handle;

    /** @param offset in bytes from the start of the arena */
    TorchTensor(TorchArena arena, long offset, DType dtype, Shape shape) {
        super(dtype, shape);
        this.arena = arena;
        this.offset = offset;
        try (TensorOptions options = new TensorOptions(scalarType(dtype));
                Pointer start = arena.memory(offset)) {
            this.handle = torch.from_blob(start, shape.toArray(), options);
        }
    }

    /** libtorch's view of the memory; owned by this tensor, never closed by the caller. */
    org.bytedeco.pytorch.Tensor handle() {
        arena.requireOpen(this);
        return handle;
    }

    static org.bytedeco.pytorch.Tensor handle(Tensor tensor) {
        return ((TorchTensor) tensor).handle();
    }

    @Override
    public Tensor rows(long from, long count) {
        Checks.rows(this, from, count);
        long rowBytes = shape().size(0) == 0 ? 0 : byteSize() / shape().size(0);
        return new TorchTensor(arena, offset + from * rowBytes, dtype(), shape().withRows(count));
    }

    @Override
    public Tensor view(Shape shape) {
        Checks.sameCount(this, shape);
        return new TorchTensor(arena, offset, dtype(), shape);
    }

    @Override
    public ByteBuffer bytes() {
        arena.requireOpen(this);
        if (byteSize() > Integer.MAX_VALUE) {
            throw new IllegalStateException(
                    this + ": bytes=" + byteSize() + " do not fit one ByteBuffer; take rows() first");
        }
        if (byteSize() == 0) {
            return ByteBuffer.allocateDirect(0).order(ByteOrder.LITTLE_ENDIAN);
        }
        try (BytePointer start = arena.memory(offset)) {
            return start.capacity(byteSize()).asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
        }
    }

    static torch.ScalarType scalarType(DType dtype) {
        return switch (dtype) {
            case F64 -> torch.ScalarType.Double;
            case F32 -> torch.ScalarType.Float;
            case BF16 -> torch.ScalarType.BFloat16;
            case I64 -> torch.ScalarType.Long;
            case I32 -> torch.ScalarType.Int;
            case U8 -> torch.ScalarType.Byte;
        };
    }
}
