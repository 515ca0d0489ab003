package tutti.worker.tensor.torch;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/** Host memory that a CUDA device copies from and to by itself. */
final class PinnedMemory implements AutoCloseable {
    private final List<Tensor> blocks = new ArrayList<>();

    /** Zeroed, little-endian; lasts until {@link #close}. */
    ByteBuffer take(int bytes) {
        try (TensorOptions options = new TensorOptions(torch.ScalarType.Byte);
                BoolOptional yes = new BoolOptional(true);
                TensorOptions pinning = options.pinned_memory(yes)) {
            Tensor block = TorchDevice.outlivingScopes(torch.zeros(new long[] {bytes}, pinning));
            blocks.add(block);
            try (BytePointer start = new BytePointer(block.data_ptr())) {
                return start.capacity(bytes).asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
            }
        }
    }

    @Override
    public void close() {
        blocks.forEach(Tensor::close);
        blocks.clear();
    }
}
