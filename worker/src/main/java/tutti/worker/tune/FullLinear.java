package tutti.worker.tune;

import tutti.worker.model.Linear;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.Tensor;

/**
 * A dense weight W (outputs,inputs) that learns whole.
 *
 * @param value W in the compute dtype
 * @param gradient of the master dtype
 */
record FullLinear(Kernels kernels, Tensor value, Tensor gradient) implements Linear {

    @Override
    public void forward(Tensor out, Tensor x) {
        kernels.matmul(out, x, false, value, true, false);
    }

    @Override
    public void backward(Tensor dx, boolean accumulate, Tensor dOut, Tensor x) {
        kernels.matmul(dx, dOut, false, value, false, accumulate);
        kernels.matmul(gradient, dOut, true, x, false, true);
    }
}
