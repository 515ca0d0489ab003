package tutti.worker.tensor.contract;

import tutti.worker.tensor.DType;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.contract.ContractResult.Verdict;

/**
 * One promise with its parameters.
 *
 * @param kernel method of {@link Kernels} that is held to it
 * @param description the parameters; unique for the kernel
 * @param body makes the tensors, calls, compares
 */
public record ContractCase(String kernel, String description, Body body) {

    /** What a case does with its two sides. */
    @FunctionalInterface
    public interface Body {
        void run(SideBySide sides);
    }

    /** The random numbers of a case hang on its name alone, so a case run by itself is the case that failed. */
    public String name() {
        return kernel + " | " + description;
    }

    /** Runs it on {@code kernels} with activations of {@code compute}; whatever the kernels throw becomes a result. */
    public ContractResult run(Kernels kernels, DType compute) {
        if (!kernels.computeDTypes().contains(compute)) {
            return result(
                    kernels,
                    compute,
                    0,
                    0,
                    Verdict.UNSUPPORTED,
                    "%s computes in %s".formatted(kernels.name(), kernels.computeDTypes()));
        }
        try (SideBySide sides = new SideBySide(kernels, compute, name().hashCode())) {
            body.run(sides);
            SideBySide.Measured worst = sides.worst();
            boolean passed = worst.error() <= worst.tolerance();
            return result(
                    kernels,
                    compute,
                    worst.error(),
                    worst.tolerance(),
                    passed ? Verdict.PASSED : Verdict.FAILED,
                    passed ? "" : worst.toString());
        } catch (UnsupportedOperationException e) {
            return result(kernels, compute, 0, 0, Verdict.UNSUPPORTED, String.valueOf(e.getMessage()));
        } catch (SideBySide.Broken e) {
            return result(kernels, compute, 0, 0, Verdict.FAILED, e.getMessage());
        } catch (RuntimeException e) {
            return result(kernels, compute, 0, 0, Verdict.FAILED, e.toString());
        }
    }

    private ContractResult result(
            Kernels kernels, DType compute, double error, double tolerance, Verdict verdict, String message) {
        return new ContractResult(
                kernel,
                description,
                kernels.name(),
                compute,
                error,
                tolerance,
                verdict,
                message.replaceAll("\\s*\\R\\s*", " "));
    }

    @Override
    public String toString() {
        return name();
    }
}
