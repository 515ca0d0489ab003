package tutti.worker.tensor.torch;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.global.torch;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.Checks;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/**
 * One zeroed libtorch allocation, or memory of the host that is somebody else's; its tensors are slices. Closing frees an allocation at
 * once, whoever still holds a tensor.
 */
final class TorchArena implements Arena {
    private final TorchDevice device;
    private final String name;
    private final long capacity;
    private final org.bytedeco.pytorch.Tensor block;
    private final long address;
    private final List<org.bytedeco.pytorch.Tensor> kept = new ArrayList<>();
    private long used;
    private boolean open = true;

    TorchArena(TorchDevice device, String name, long bytes) {
        this.device = device;
        this.name = name;
        this.capacity = bytes;
        try {
            // One more alignment unit, so that an empty arena has an address too.
            this.block =
                    TorchDevice.outlivingScopes(torch.zeros(new long[] {bytes + ALIGNMENT}, device.options(DType.U8)));
        } catch (RuntimeException e) {
            throw new TuttiException(
                    Category.ENVIRONMENT,
                    "arena " + name + ": " + device.device() + " has no room for bytes=" + bytes
                            + "; use a smaller batch, a shorter model_max_length or more gradient checkpointing",
                    e);
        }
        try (Pointer start = block.data_ptr()) {
            this.address = start.address();
        }
        if (address % ALIGNMENT != 0) {
            throw TuttiException.bug(
                    "arena %s: libtorch returned address=%d, not a multiple of %d", name, address, ALIGNMENT);
        }
    }

    /** In {@code memory}, which is zeroed and aligned. */
    TorchArena(TorchDevice device, String name, ByteBuffer memory) {
        this.device = device;
        this.name = name;
        this.capacity = memory.capacity();
        try (BytePointer start = new BytePointer(memory)) {
            this.address = start.address();
        }
        this.block = TorchDevice.outlivingScopes(
                torch.from_blob(at(address), new long[] {capacity}, device.options(DType.U8)));
    }

    @Override
    public Tensor take(String what, DType dtype, Shape shape) {
        long bytes = Checks.take(name, what, dtype, shape, open, used, capacity);
        ByteBuffer ids = device.cuda() && dtype == DType.I32
                ? ByteBuffer.allocateDirect(Math.toIntExact(shape.count() * dtype.bytes()))
                        .order(ByteOrder.LITTLE_ENDIAN)
                : null;
        Tensor tensor = new TorchTensor(this, used, dtype, shape, ids);
        used += bytes;
        return tensor;
    }

    TorchDevice device() {
        return device;
    }

    /** A pointer to byte {@code offset} that owns nothing. */
    BytePointer memory(long offset) {
        return at(address + offset);
    }

    /** A pointer to an address that owns nothing. */
    static BytePointer at(long address) {
        return new At(address);
    }

    /** A handle that lives as long as this arena, whichever scope is open. */
    synchronized org.bytedeco.pytorch.Tensor keep(org.bytedeco.pytorch.Tensor handle) {
        kept.add(TorchDevice.outlivingScopes(handle));
        return handle;
    }

    void requireOpen(Tensor tensor) {
        if (!open) {
            throw TuttiException.bug("arena %s is closed, its tensor %s must not be used any more", name, tensor);
        }
    }

    @Override
    public long used() {
        return used;
    }

    @Override
    public long capacity() {
        return capacity;
    }

    @Override
    public void close() {
        open = false;
        kept.forEach(Pointer::close);
        kept.clear();
        block.close();
    }

    /** JavaCPP takes a raw address only through a subclass. Owns nothing. */
    static final class At extends BytePointer {
        At(long address) {
            super((Pointer) null);
            this.address = address;
        }

        /** Points to byte {@code offset} of an arena from now on. */
        At move(TorchArena arena, long offset) {
            this.address = arena.address + offset;
            return this;
        }
    }
}
