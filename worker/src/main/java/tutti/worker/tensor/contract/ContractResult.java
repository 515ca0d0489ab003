package tutti.worker.tensor.contract;

import tutti.worker.tensor.DType;

/**
 * How one case went.
 *
 * @param kernel method of {@code Kernels}
 * @param description the case's parameters; with the kernel it names the case
 * @param backend {@code Kernels.name()}
 * @param compute dtype of the activations
 * @param error worst error of the case, of all its results the one nearest to its tolerance
 * @param tolerance of that result
 * @param message what went wrong or what is not supported; empty if passed
 */
public record ContractResult(
        String kernel,
        String description,
        String backend,
        DType compute,
        double error,
        double tolerance,
        Verdict verdict,
        String message) {

    public enum Verdict {
        PASSED,
        FAILED,
        /** Refused by name: by {@code Kernels.computeDTypes}, or by an {@link UnsupportedOperationException}. */
        UNSUPPORTED
    }

    /** One line that names the case, so that it can be run again alone. */
    @Override
    public String toString() {
        return "%s %s %s | %s | %s: %s".formatted(verdict, backend, compute, kernel, description, message);
    }
}
