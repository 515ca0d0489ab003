package tutti.worker.tensor.nd4j;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import tutti.worker.tensor.Kernels.AdamWStep;

/** AdamW, and the sum of squares, over vectors of float32. */
final class Nd4jOptimizer {
    /** BLAS sums that many products at once; pieces are added in order. */
    static final long NORM_PIECE = 1L << 15;

    private Nd4jOptimizer() {}

    /** The formula of Kernels.adamW, in the operations and the order of torch.optim.AdamW. */
    static void adamW(Call call, INDArray w, INDArray m, INDArray v, INDArray grad, AdamWStep step) {
        long n = w.length();
        INDArray g = call.vector(call.temporary(n), n);
        INDArray work = call.vector(call.temporary(n), n);
        Ops.multiply(g, grad, call.scalar(step.gradScale()));
        Ops.multiply(w, w, call.scalar(1 - step.learningRate() * step.weightDecay()));
        Ops.multiply(m, m, call.scalar(step.beta1()));
        Ops.multiply(work, g, call.scalar(1 - step.beta1()));
        Ops.add(m, m, work);
        Ops.multiply(v, v, call.scalar(step.beta2()));
        Ops.multiply(work, g, call.scalar(1 - step.beta2()));
        Ops.multiply(work, work, g);
        Ops.add(v, v, work);
        Ops.sqrt(work, v);
        Ops.divide(work, work, call.scalar(Math.sqrt(1 - Math.pow(step.beta2(), step.t()))));
        Ops.add(work, work, call.scalar(step.eps()));
        Ops.divide(work, m, work);
        Ops.multiply(work, work, call.scalar(step.learningRate() / (1 - Math.pow(step.beta1(), step.t()))));
        Ops.subtract(w, w, work);
    }

    /** The sum of squares of at most {@link #NORM_PIECE} elements of any floating type, in float64. */
    static double squaredNorm(Call call, INDArray x) {
        INDArray wide = call.temporary(DataType.DOUBLE, x.length());
        Ops.cast(wide, x);
        return Ops.dot(wide, wide);
    }
}
