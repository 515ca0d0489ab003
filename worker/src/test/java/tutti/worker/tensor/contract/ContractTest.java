package tutti.worker.tensor.contract;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.ReferenceKernels;
import tutti.worker.tensor.Segments;
import tutti.worker.tensor.Tensor;
import tutti.worker.tensor.contract.ContractResult.Verdict;

/** The contract itself: a backend with one fault is caught, by the name of the case and of what is wrong. */
class ContractTest {
    private final Kernels right = new ReferenceKernels();
    /** Every tensor taken by the backend under test, guards included. */
    private final List<Tensor> taken = new ArrayList<>();

    private int calls;

    /** Runs instead of the kernel {@code name}, after which the right one may be asked. */
    @FunctionalInterface
    interface Instead {
        Object run(ContractTest test, Object[] args, java.util.concurrent.Callable<Object> right) throws Exception;
    }

    /** @param expected what the failure line must hold */
    record Fault(String kernel, String expected, Instead instead) {
        @Override
        public String toString() {
            return kernel + ": " + expected;
        }
    }

    static Stream<Fault> faults() {
        return Stream.of(
                new Fault("add", "behind its end was written", (test, args, right) -> {
                    right.call();
                    Tensor any = test.taken.get(test.taken.size() - 1);
                    any.bytes().put((int) any.byteSize() - 1, (byte) 0);
                    return null;
                }),
                new Fault("copy", "before its start was written", (test, args, right) -> {
                    right.call();
                    test.taken.get(test.taken.size() - 1).bytes().put(Arena.ALIGNMENT - 1, (byte) 0);
                    return null;
                }),
                new Fault("axpy", "other bits the second time", (test, args, right) -> {
                    args[1] = (double) args[1] + test.calls++ * 1e-15;
                    return right.call();
                }),
                new Fault("squaredNorm", "then", (test, args, right) -> (double) right.call() + test.calls++ * 1e-9),
                new Fault("swiglu", "up: is only read, and was changed", (test, args, right) -> {
                    right.call();
                    Numbers.write((Tensor) args[2], 1.5);
                    return null;
                }),
                new Fault("rmsNorm", "error=Inf", (test, args, right) -> null),
                new Fault("matmul", "allowed=", (test, args, right) -> {
                    args[5] = false;
                    return right.call();
                }),
                new Fault("scale", "error=", (test, args, right) -> {
                    args[1] = (double) args[1] * (1 + 1e-12);
                    return right.call();
                }),
                new Fault("embedding", "expected a refusal that names", (test, args, right) -> {
                    try {
                        return right.call();
                    } catch (InvocationTargetException refusal) {
                        return null;
                    }
                }),
                new Fault("dropout", "refused as null", (test, args, right) -> {
                    try {
                        return right.call();
                    } catch (InvocationTargetException refusal) {
                        throw new IllegalArgumentException("refused as null", refusal);
                    }
                }),
                new Fault("attention", "saw a later token", (test, args, right) -> {
                    // One segment whose keys end where the queries end, but with all of them seen from the first row
                    // on.
                    Tensor q = (Tensor) args[1];
                    int rows = (int) q.shape().size(0);
                    if (rows != 11) {
                        return right.call();
                    }
                    for (int row = 0; row < 6; row++) {
                        test.right.attention(
                                ((Tensor) args[0]).rows(row, 1),
                                q.rows(row, 1),
                                ((Tensor) args[2]).rows(0, 6),
                                ((Tensor) args[3]).rows(0, 6),
                                Segments.decode(1, 6),
                                (double) args[5]);
                    }
                    return null;
                }),
                new Fault("reserve", "other bits after reserve", (test, args, right) -> {
                    test.calls++;
                    return null;
                }));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("faults")
    void shouldCatchABackendWithOneFault(Fault fault) {
        List<ContractResult> failed = run(fault).stream()
                .filter(result -> result.verdict() == Verdict.FAILED)
                .toList();
        assertThat(failed).isNotEmpty().allMatch(result -> result.kernel().equals(fault.kernel));
        assertThat(failed).anyMatch(result -> result.toString().contains(fault.expected));
    }

    @Test
    void shouldReportWhatABackendDoesNotHaveByName() {
        Fault missing = new Fault("quantize", "", (test, args, right) -> {
            throw new UnsupportedOperationException("no 8-bit blocks here");
        });
        List<ContractResult> refused = run(missing).stream()
                .filter(result -> result.verdict() != Verdict.PASSED)
                .toList();
        assertThat(refused)
                .isNotEmpty()
                .allMatch(result -> result.verdict() == Verdict.UNSUPPORTED)
                .allMatch(result -> result.kernel().equals("quantize"));
        assertThat(refused)
                .extracting(ContractResult::toString)
                .allMatch(line -> line.startsWith("UNSUPPORTED reference F64 | quantize | "))
                .allMatch(line -> line.endsWith("no 8-bit blocks here"));
    }

    @Test
    void shouldReportADTypeThatABackendDoesNotOffer() {
        List<ContractResult> results = Contract.run(right, DType.BF16);
        assertThat(results).hasSameSizeAs(Contract.cases()).allMatch(one -> one.verdict() == Verdict.UNSUPPORTED);
        assertThat(new ContractTable(results).lines())
                .contains("UNSUPPORTED reference BF16: reference computes in [F64]");
    }

    /** Only the cases of that kernel: the others do not meet the fault. */
    private List<ContractResult> run(Fault fault) {
        Kernels faulty = faulty(fault);
        return Contract.cases().stream()
                .filter(one -> one.kernel().equals(fault.kernel))
                .map(one -> one.run(faulty, DType.F64))
                .toList();
    }

    private Kernels faulty(Fault fault) {
        return (Kernels) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {Kernels.class}, (proxy, method, args) -> {
                    try {
                        if (method.getName().equals("arena")) {
                            return recording((Arena) method.invoke(right, args));
                        }
                        if (method.getName().equals(fault.kernel)) {
                            return fault.instead.run(this, args, () -> method.invoke(right, args));
                        }
                        // A fault of reserve shows in what comes after it.
                        if (method.getName().equals("attention") && calls > 0) {
                            args[5] = (double) args[5] + 1e-9;
                        }
                        return method.invoke(right, args);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    private Arena recording(Arena arena) {
        return (Arena) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {Arena.class}, (proxy, method, args) -> {
                    try {
                        Object result = method.invoke(arena, args);
                        if (result instanceof Tensor tensor) {
                            taken.add(tensor);
                        }
                        return result;
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }
}
