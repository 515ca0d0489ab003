package tutti.worker.tune;

import tutti.worker.model.Linear;
import tutti.worker.tensor.Tensor;

/**
 * A dense weight W (outputs,inputs) that learns whole.
 *
 * @param products with W in the compute dtype
 * @param gradient of the master dtype
 */
record FullLinear(FrozenLinear products, Tensor gradient) implements Linear {

    @Override
    public void forward(Tensor out, Tensor x) {
        products.forward(out, x);
    }

    @Override
    public void backward(Tensor dx, boolean accumulate, Tensor dOut, Tensor x) {
        products.backward(dx, accumulate, dOut, x);
        products.kernels().matmul(gradient, dOut, true, x, false, true);
    }
}
