package tutti.worker.tensor.torch;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Block-wise 8-bit codes, in float32: the whole blocks in one go, then the shorter last one. Shapes as in Kernels. */
final class TorchQuantization {
    private static final double ZERO = 128;
    private static final double LEVELS = 127;

    private TorchQuantization() {}

    static void quantize(Tensor codes, Tensor scales, Tensor x, long block) {
        forEachPart(x.size(0), block, (from, count, size, firstBlock) -> {
            Tensor wide = x.narrow(0, from, count).to(ScalarType.Float).view(-1, size);
            Tensor largest = wide.abs().amax(new long[] {1}, true);
            scales.narrow(0, firstBlock, count / size).copy_(largest.view(-1));
            // 0 / 0 would be NaN: a block of zeros divides by one instead.
            Tensor divisor = largest.masked_fill(largest.eq(new Scalar(0.0)), new Scalar(1.0));
            Tensor level = wide.div(divisor).mul_(new Scalar(LEVELS)).round_();
            codes.narrow(0, from, count).copy_(level.add_(new Scalar(ZERO)).view(-1));
        });
    }

    static void dequantize(Tensor out, Tensor codes, Tensor scales, long block) {
        forEachPart(out.size(0), block, (from, count, size, firstBlock) -> {
            Tensor level = codes.narrow(0, from, count)
                    .to(ScalarType.Float)
                    .sub_(new Scalar(ZERO))
                    .div_(new Scalar(LEVELS))
                    .view(-1, size);
            Tensor scale = scales.narrow(0, firstBlock, count / size).view(-1, 1);
            out.narrow(0, from, count).copy_(level.mul_(scale).view(-1));
        });
    }

    private static void forEachPart(long n, long block, Part part) {
        long whole = n / block * block;
        if (whole > 0) {
            TorchKernels.scoped(() -> part.run(0, whole, block, 0));
        }
        if (whole < n) {
            TorchKernels.scoped(() -> part.run(whole, n - whole, n - whole, whole / block));
        }
    }

    /** Elements from .. from+count-1 are blocks of {@code size}, the first of them number {@code firstBlock}. */
    @FunctionalInterface
    private interface Part {
        void run(long from, long count, long size, long firstBlock);
    }
}
