package tutti.worker.tensor.torch;

import java.util.stream.LongStream;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Device;
import tutti.worker.tensor.Dimensions;

/** How much scratch the kernels hold; a pure function, so that a plan needs no libtorch. */
public final class TorchWorkspace {
    /**
     * What oneDNN's compiled primitives and packed operands, and the arenas of malloc that hold them, came to where {@code tutti
     * bench step} trained the shapes 15m and 110m: 14 to 30 MiB, whatever the checkpointing and the dtype.
     */
    public static final long LIBRARY_BYTES = 24L << 20;

    private TorchWorkspace() {}

    /** Bytes of the one block that all operations of a pass share, on this machine. */
    public static long bytes(Dimensions d, DType compute, Device device) {
        return bytes(d, compute, Bf16Products.on(device));
    }

    static long bytes(Dimensions d, DType compute, Bf16Products bf16) {
        return LongStream.of(
                        TorchAttention.workspace(d, compute.bytes(), bf16),
                        TorchCrossEntropy.workspace(d, compute.bytes(), bf16),
                        TorchProducts.workspace(d, compute.bytes(), bf16),
                        TorchSwiGlu.workspace(d, compute.bytes()),
                        TorchNorm.workspace(d),
                        TorchRope.workspace(d),
                        TorchOptimizer.workspace())
                .max()
                .orElseThrow();
    }
}
