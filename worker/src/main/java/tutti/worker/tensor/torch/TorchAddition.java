package tutti.worker.tensor.torch;

import java.util.function.BiConsumer;
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
        inPieces(into, dtype, other, dtype, count, Tensor::add_);
    }

    @Override
    public void widen(long into, long narrow, int count) {
        inPieces(into, DType.F32, narrow, DType.BF16, count, Tensor::copy_);
    }

    @Override
    public void round(long into, long wide, int count) {
        inPieces(into, DType.BF16, wide, DType.F32, count, Tensor::copy_);
    }

    private void inPieces(
            long into, DType intoType, long other, DType otherType, int count, BiConsumer<Tensor, Tensor> operation) {
        for (int from = 0; from < count; from += SERIAL) {
            long at = from;
            long[] size = {Math.min(SERIAL, count - from)};
            TorchKernels.scoped(() -> operation.accept(
                    tensor(into + at * intoType.bytes(), size, intoType),
                    tensor(other + at * otherType.bytes(), size, otherType)));
        }
    }

    private Tensor tensor(long address, long[] size, DType dtype) {
        return torch.from_blob(TorchArena.at(address), size, host.options(dtype));
    }
}
