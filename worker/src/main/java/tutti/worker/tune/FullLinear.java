package tutti.worker.tune;

import tutti.worker.model.Linear;
import tutti.worker.tensor.Tensor;

/** A dense weight W (outputs,inputs) that learns whole. */
final class FullLinear implements Linear {
    private final FrozenLinear products;
    private final Tensor gradient;
    private boolean fresh;

    /**
     * @param products with W in the compute dtype
     * @param gradient of the master dtype
     */
    FullLinear(FrozenLinear products, Tensor gradient) {
        this.products = products;
        this.gradient = gradient;
    }

    /** The next backward overwrites the gradient, whatever it holds. */
    void begin() {
        fresh = true;
    }

    @Override
    public void forward(Tensor out, Tensor x) {
        products.forward(out, x);
    }

    @Override
    public void backward(Tensor dx, boolean accumulate, Tensor dOut, Tensor x) {
        products.backward(dx, accumulate, dOut, x);
        products.kernels().matmul(gradient, dOut, true, x, false, !fresh);
        fresh = false;
    }
}
