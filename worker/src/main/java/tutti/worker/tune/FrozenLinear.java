package tutti.worker.tune;

import tutti.worker.model.Linear;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.Tensor;

/** A dense weight W (outputs,inputs) that is only read. */
record FrozenLinear(Kernels kernels, Tensor value) implements Linear {

    @Override
    public void forward(Tensor out, Tensor x) {
        kernels.matmul(out, x, false, value, true, false);
    }

    @Override
    public void backward(Tensor dx, boolean accumulate, Tensor dOut, Tensor x) {
        kernels.matmul(dx, dOut, false, value, false, accumulate);
    }
}
