package tutti.worker.model;

import tutti.worker.tensor.Tensor;

/**
 * y = x W^T, however W is stored and whatever learns beside it: full, frozen, low-rank, quantised. The model sees no more.
 */
public interface Linear {
    /** out (N,outputs) is overwritten from x (N,inputs). */
    void forward(Tensor out, Tensor x);

    /**
     * Writes (or with {@code accumulate} adds) the gradient of the input into dx (N,inputs), and adds the gradient of what
     * learns.
     *
     * @param x what forward saw
     */
    void backward(Tensor dx, boolean accumulate, Tensor dOut, Tensor x);
}
