package tutti.worker.tensor.torch;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.global.torch;
import tutti.common.error.TuttiException;
import tutti.worker.tensor.Checks;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/**
 * A slice of a {@link TorchArena}: an offset and a shape. libtorch's handle on what an arena gave is made once and lives as long as
 * the arena; a handle on a view of it is made when a kernel asks and lives as long as that kernel call, so that views may be made
 * freely in the hot path and leave nothing to a garbage collector.
 */
final class TorchTensor extends Tensor {
    private final TorchArena arena;
    private final long offset;
    /** The host's copy of ids on a device, little-endian; null for everything else. */
    private final ByteBuffer ids;

    private final boolean view;
    /** Made by the first call that asks, not for views. */
    private volatile org.bytedeco.pytorch.Tensor kept;

    /**
     * What an arena gives.
     *
     * @param offset in bytes from the start of the arena
     * @param ids the host's copy, or null
     */
    TorchTensor(TorchArena arena, long offset, DType dtype, Shape shape, ByteBuffer ids) {
        this(arena, offset, dtype, shape, ids, false);
    }

    private TorchTensor(TorchArena arena, long offset, DType dtype, Shape shape, ByteBuffer ids, boolean view) {
        super(dtype, shape);
        this.arena = arena;
        this.offset = offset;
        this.ids = ids;
        this.view = view;
    }

    /** A handle on the memory. The caller has opened a {@link org.bytedeco.javacpp.PointerScope} and never closes the handle itself. */
    org.bytedeco.pytorch.Tensor handle() {
        arena.requireOpen(this);
        if (view) {
            return newHandle();
        }
        if (kept == null) {
            kept = arena.keep(newHandle());
        }
        return kept;
    }

    private org.bytedeco.pytorch.Tensor newHandle() {
        return torch.from_blob(
                arena.memory(offset), shape().toArray(), arena.device().options(dtype()));
    }

    /** The elements as {@code (byteSize)} U8. */
    private org.bytedeco.pytorch.Tensor rawHandle() {
        arena.requireOpen(this);
        return torch.from_blob(
                arena.memory(offset), new long[] {byteSize()}, arena.device().options(DType.U8));
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
        ByteBuffer part = ids == null
                ? null
                : ids.slice((int) (from * rowBytes), (int) (count * rowBytes)).order(ByteOrder.LITTLE_ENDIAN);
        return new TorchTensor(arena, offset + from * rowBytes, dtype(), shape().withRows(count), part, true);
    }

    @Override
    public Tensor view(Shape shape) {
        Checks.sameCount(this, shape);
        return new TorchTensor(arena, offset, dtype(), shape, ids, true);
    }

    @Override
    public boolean onHost() {
        return !arena.device().cuda();
    }

    @Override
    protected void download(ByteBuffer into) {
        if (onHost()) {
            super.download(into);
        } else if (byteSize() > 0) {
            TorchKernels.scoped(() -> arena.device().download(rawHandle(), into));
        }
    }

    @Override
    protected void upload(ByteBuffer from) {
        if (onHost()) {
            super.upload(from);
        } else if (byteSize() > 0) {
            if (ids != null) {
                ids.duplicate().put(from.duplicate());
            }
            TorchKernels.scoped(() -> arena.device().upload(rawHandle(), from));
        }
    }

    @Override
    public IntBuffer ints() {
        arena.requireOpen(this);
        return ids == null ? super.ints() : ids.asIntBuffer();
    }

    @Override
    public ByteBuffer bytes() {
        arena.requireOpen(this);
        if (!onHost()) {
            throw new IllegalStateException(this + " lies on " + arena.device().device()
                    + ", which the host cannot address: read() or write()");
        }
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
