package tutti.worker.tensor.torch;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.EnumMap;
import java.util.Map;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import tutti.common.error.TuttiException;
import tutti.worker.tensor.Checks;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/**
 * A slice of a {@link TorchArena}: an offset and a shape, no native object. libtorch's handle on it is made when a kernel asks and
 * lives as long as that kernel call, so that views may be made freely in the hot path and leave nothing to a garbage collector.
 */
final class TorchTensor extends Tensor {
    private static final Map<DType, TensorOptions> OPTIONS = options();

    private final TorchArena arena;
    private final long offset;

    /** @param offset in bytes from the start of the arena */
    TorchTensor(TorchArena arena, long offset, DType dtype, Shape shape) {
        super(dtype, shape);
        this.arena = arena;
        this.offset = offset;
    }

    /** A new handle on the memory, freed with the {@link org.bytedeco.javacpp.PointerScope} that the caller has opened. */
    org.bytedeco.pytorch.Tensor handle() {
        arena.requireOpen(this);
        return torch.from_blob(arena.memory(offset), shape().toArray(), OPTIONS.get(dtype()));
    }

    static org.bytedeco.pytorch.Tensor handle(Tensor tensor) {
        return ((TorchTensor) tensor).handle();
    }

    @Override
    public Tensor rows(long from, long count) {
        Checks.rows(this, from, count);
        if (from == 0 && count == shape().size(0)) {
            return this;
        }
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

    /** Made once. */
    private static Map<DType, TensorOptions> options() {
        Map<DType, TensorOptions> all = new EnumMap<>(DType.class);
        for (DType dtype : DType.values()) {
            all.put(dtype, outlivingScopes(new TensorOptions(scalarType(dtype))));
        }
        return all;
    }

    /** A new native object that the scope which is open, if one is, does not free: whoever keeps it closes it. */
    static <P extends Pointer> P outlivingScopes(P pointer) {
        pointer.retainReference();
        return pointer;
    }

    static TensorOptions options(DType dtype) {
        return OPTIONS.get(dtype);
    }

    static DType dtype(torch.ScalarType type) {
        return switch (type) {
            case Double -> DType.F64;
            case Float -> DType.F32;
            case BFloat16 -> DType.BF16;
            default -> throw TuttiException.bug("libtorch's %s has no scratch here", type);
        };
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
