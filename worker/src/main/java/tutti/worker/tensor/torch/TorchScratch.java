package tutti.worker.tensor.torch;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import tutti.common.error.TuttiException;
import tutti.worker.tensor.DType;

/**
 * Memory for what lives no longer than one kernel call. A call says how much it needs, then takes tensors one behind the other;
 * the next call starts anew. It grows when a call asks for more than any did before, so after {@code reserve} it never does.
 */
final class TorchScratch implements AutoCloseable {
    private static final long ALIGNMENT = 64;

    private final TorchDevice device;
    private final Tuning tuning;
    /** Where the next tensor begins: one object for all, since a call takes many. */
    private final TorchArena.At start = new TorchArena.At(0);

    private TorchArena block;
    private long asked;
    private long used;

    TorchScratch(TorchDevice device, Tuning tuning) {
        this.device = device;
        this.tuning = tuning;
    }

    TorchDevice device() {
        return device;
    }

    Tuning tuning() {
        return tuning;
    }

    /** Bytes that {@link #take} uses for {@code count} elements. */
    static long bytes(int elementBytes, long count) {
        return (count * elementBytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    /** Starts a call that will take up to {@code bytes}; what the last one took is gone. */
    void begin(long bytes) {
        used = 0;
        asked = bytes;
        if (block == null || bytes > block.capacity()) {
            close();
            block = new TorchArena(device, "kernel workspace", bytes);
        }
    }

    /** What {@link #rewind} takes: everything taken from here on. */
    long used() {
        return used;
    }

    /** Forgets what was taken after {@code mark}. */
    void rewind(long mark) {
        used = mark;
    }

    /** Memory with arbitrary contents; the handle dies with the scope that is open. */
    Tensor take(ScalarType dtype, long... sizes) {
        long count = 1;
        for (long size : sizes) {
            count *= size;
        }
        DType element = TorchTensor.dtype(dtype);
        long bytes = bytes(element.bytes(), count);
        // Against what was asked for, not what is there: else a formula that is too small hides behind a larger call.
        if (used + bytes > asked) {
            throw TuttiException.bug("kernel workspace: a call takes more than bytes=%d, what it asked for", asked);
        }
        Tensor tensor = torch.from_blob(start.move(block, used), sizes, device.options(element));
        used += bytes;
        return tensor;
    }

    /** Bytes held now. */
    long capacity() {
        return block == null ? 0 : block.capacity();
    }

    @Override
    public void close() {
        if (block != null) {
            block.close();
            block = null;
        }
    }
}
