package tutti.worker.tensor.torch;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import tutti.worker.tensor.DType;

/** Zero where a query may look, -infinity above the diagonal: the corner of a tile of queries and the keys beside them. */
final class CausalMask implements AutoCloseable {
    private final Tensor float32;
    private final Tensor bfloat16;

    /** @param size most rows of a tile; made outside of a scope, because the mask outlives the kernel calls */
    CausalMask(TorchDevice device, long size) {
        try (Scalar hidden = new Scalar(Double.NEGATIVE_INFINITY)) {
            float32 = torch.full(new long[] {size, size}, hidden, device.options(DType.F32));
            float32.triu_(1);
            bfloat16 = float32.to(ScalarType.BFloat16);
        }
    }

    /** (t,t). */
    Tensor corner(ScalarType dtype, long t) {
        Tensor square = dtype == ScalarType.BFloat16 ? bfloat16 : float32;
        return t == square.size(0) ? square : square.narrow(0, 0, t).narrow(1, 0, t);
    }

    @Override
    public void close() {
        float32.close();
        bfloat16.close();
    }
}
