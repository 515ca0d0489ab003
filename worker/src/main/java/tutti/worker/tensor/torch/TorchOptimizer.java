package tutti.worker.tensor.torch;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import tutti.worker.tensor.Kernels.AdamWStep;

/** Passes over long flat vectors, a piece at a time so that what a piece writes is read again from the cache. */
final class TorchOptimizer {
    /** libtorch updates so many elements with one instruction, and a shorter rest with other roundings: the rest is padded. */
    private static final long VECTOR = 16;

    private TorchOptimizer() {}

    static long workspace(Tuning tuning) {
        return TorchScratch.bytes(Double.BYTES, tuning.squares());
    }

    /**
     * The formula of Kernels.adamW by libtorch's one-pass kernel; then the piece is rounded into {@code copy}. All flat (n) float32,
     * copy of any floating dtype. The gradient is scaled in place.
     */
    static void adamW(
            TorchScratch scratch, Tensor weight, Tensor copy, Tensor m, Tensor v, Tensor grad, AdamWStep step) {
        scratch.begin(workspace(scratch.tuning()));
        Tensor number = scratch.take(ScalarType.Float);
        Tensor divisor = scratch.take(ScalarType.Float);
        number.fill_(new Scalar((double) step.t()));
        divisor.fill_(new Scalar(1 / step.gradScale()));
        Tensor padded = scratch.take(ScalarType.Float, 4, VECTOR);
        long whole = weight.size(0) / VECTOR * VECTOR;
        forEachPiece(whole, scratch.tuning().update(), (from, count) -> {
            Tensor w = weight.narrow(0, from, count);
            TorchOps.fusedAdamW(
                    w,
                    grad.narrow(0, from, count),
                    m.narrow(0, from, count),
                    v.narrow(0, from, count),
                    number,
                    divisor,
                    step);
            if (copy != weight) {
                copy.narrow(0, from, count).copy_(w);
            }
        });
        long rest = weight.size(0) - whole;
        if (rest > 0) {
            Tensor[] tails = {weight, grad, m, v};
            padded.zero_();
            for (int i = 0; i < tails.length; i++) {
                padded.select(0, i).narrow(0, 0, rest).copy_(tails[i].narrow(0, whole, rest));
            }
            TorchOps.fusedAdamW(
                    padded.select(0, 0),
                    padded.select(0, 1),
                    padded.select(0, 2),
                    padded.select(0, 3),
                    number,
                    divisor,
                    step);
            for (int i = 0; i < tails.length; i++) {
                tails[i].narrow(0, whole, rest).copy_(padded.select(0, i).narrow(0, 0, rest));
            }
            if (copy != weight) {
                copy.narrow(0, whole, rest).copy_(weight.narrow(0, whole, rest));
            }
        }
    }

    /** Sum of squares of x (n) in float64, pieces in order. */
    static double squaredNorm(TorchScratch scratch, Tensor x) {
        double[] sum = {0};
        scratch.begin(workspace(scratch.tuning()));
        long most = scratch.tuning().squares();
        Tensor wide = scratch.take(ScalarType.Double, Math.min(most, x.size(0)));
        forEachPiece(x.size(0), most, (from, count) -> {
            Tensor piece = RowPieces.of(wide, 0, count);
            piece.copy_(RowPieces.of(x, from, count));
            sum[0] += piece.dot(piece).item_double();
        });
        return sum[0];
    }

    private static void forEachPiece(long count, long piece, Piece body) {
        for (long from = 0; from < count; from += piece) {
            long start = from;
            TorchKernels.scoped(() -> body.run(start, Math.min(piece, count - start)));
        }
    }

    @FunctionalInterface
    private interface Piece {
        void run(long from, long count);
    }
}
