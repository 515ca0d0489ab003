package tutti.worker.tensor.torch;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import tutti.worker.tensor.Addition;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Device;

/** libtorch's vector code: Java's own loop stays scalar in a process that compiles with C1 alone. */
public final class TorchAddition implements Addition {
    /** Elements of one call: libtorch takes no second thread for fewer than this. */
    private static final int SERIAL = 1 << 14;

    private final TorchDevice host;

    public TorchAddition() {
        // Loads the library, or says why it does not load.
        TorchKernels.scoped(() -> {});
        host = TorchDevice.open(Device.CPU);
    }

    @Override
    public void add(long into, long other, int count, DType dtype) {
        for (int from = 0; from < count; from += SERIAL) {
            long at = (long) from * dtype.bytes();
            long[] size = {Math.min(SERIAL, count - from)};
            TorchKernels.scoped(() -> {
                Tensor sum = torch.from_blob(TorchArena.at(into + at), size, host.options(dtype));
                sum.add_(torch.from_blob(TorchArena.at(other + at), size, host.options(dtype)));
            });
        }
    }
}
