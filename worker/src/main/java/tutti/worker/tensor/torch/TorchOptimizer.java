package tutti.worker.tensor.torch;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import tutti.worker.tensor.Kernels.AdamWStep;

/** Passes over long flat vectors, a piece at a time so that temporaries stay in the cache. */
final class TorchOptimizer {
    /** Elements of a piece of AdamW: five float32 vectors of it are 5 MB. */
    private static final long UPDATE_PIECE = 1L << 18;

    /** libtorch sums up to 32768 elements on one thread, in an order that does not depend on the number of threads. */
    private static final long NORM_PIECE = 1L << 15;

    private TorchOptimizer() {}

    /** The formula of Kernels.adamW, in the operations and the order of torch.optim.AdamW. All flat (n) float32. */
    static void adamW(Tensor weight, Tensor m, Tensor v, Tensor grad, AdamWStep step) {
        Scalar gradScale = new Scalar(step.gradScale());
        Scalar keep = new Scalar(1 - step.learningRate() * step.weightDecay());
        Scalar beta1 = new Scalar(step.beta1());
        Scalar rest1 = new Scalar(1 - step.beta1());
        Scalar beta2 = new Scalar(step.beta2());
        Scalar rest2 = new Scalar(1 - step.beta2());
        Scalar eps = new Scalar(step.eps());
        Scalar root2 = new Scalar(Math.sqrt(1 - Math.pow(step.beta2(), step.t())));
        Scalar rate = new Scalar(-step.learningRate() / (1 - Math.pow(step.beta1(), step.t())));
        forEachPiece(weight.size(0), UPDATE_PIECE, (from, count) -> {
            Tensor w = weight.narrow(0, from, count);
            Tensor first = m.narrow(0, from, count);
            Tensor second = v.narrow(0, from, count);
            Tensor g = grad.narrow(0, from, count).mul(gradScale);
            w.mul_(keep);
            first.mul_(beta1).add_(g, rest1);
            second.mul_(beta2).addcmul_(g, g, rest2);
            Tensor denominator = second.sqrt().div_(root2).add_(eps);
            w.addcdiv_(first, denominator, rate);
        });
    }

    /** Sum of squares of x (n), each piece in float64, pieces in order. */
    static double squaredNorm(Tensor x) {
        double[] sum = {0};
        forEachPiece(x.size(0), NORM_PIECE, (from, count) -> {
            Tensor wide = x.narrow(0, from, count).to(ScalarType.Double);
            sum[0] += wide.mul(wide).sum().item_double();
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
