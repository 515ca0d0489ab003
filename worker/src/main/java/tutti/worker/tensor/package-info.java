/**
 * Numbers on a device: {@link tutti.worker.tensor.DType}, {@link tutti.worker.tensor.Shape}, {@link
 * tutti.worker.tensor.Tensor}, the {@link tutti.worker.tensor.Arena} that owns their memory, and {@link
 * tutti.worker.tensor.Kernels}, the seam that every backend implements.
 *
 * <p>Start at {@link tutti.worker.tensor.Kernels}; read {@code ReferenceKernels} for what each operation means and the
 * sub-packages for how it is made fast. Called by every room of the worker below it. Knows nothing of models, batches or
 * other processes.
 */
package tutti.worker.tensor;
