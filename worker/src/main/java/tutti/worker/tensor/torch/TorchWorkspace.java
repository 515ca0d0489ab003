package tutti.worker.tensor.torch;

import java.util.stream.LongStream;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Device;
import tutti.worker.tensor.Dimensions;

/** How much scratch the kernels hold; a pure function, so that a plan needs no libtorch. */
public final class TorchWorkspace {
    /**
     * What oneDNN's compiled primitives and packed operands, and the arenas of malloc that hold them, came to where {@code tutti
     * bench step} trained the shapes 15m and 110m: 10 to 18 MiB, whatever the checkpointing and the dtype.
     */
    public static final long LIBRARY_BYTES = 14L << 20;

    private TorchWorkspace() {}

    /** Bytes of the one block that all operations of a pass share, on this machine. */
    public static long bytes(Dimensions d, DType compute, Device device) {
        return bytes(d, compute, Tuning.on(device));
    }

    static long bytes(Dimensions d, DType compute, Tuning tuning) {
        return LongStream.of(
                        TorchAttention.workspace(d, compute.bytes(), tuning),
                        TorchCrossEntropy.workspace(d, compute.bytes(), tuning),
                        TorchProducts.workspace(d, compute.bytes(), tuning),
                        TorchSwiGlu.workspace(d, compute.bytes(), tuning),
                        TorchNorm.workspace(d, tuning),
                        TorchRope.workspace(d, tuning),
                        TorchOptimizer.workspace(tuning))
                .max()
                .orElseThrow();
    }
}
