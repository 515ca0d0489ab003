package tutti.worker.tensor.contract;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.ReferenceKernels;
import tutti.worker.tensor.contract.ContractResult.Verdict;
import tutti.worker.tensor.nd4j.Nd4jKernels;
import tutti.worker.tensor.torch.Bf16Products;
import tutti.worker.tensor.torch.TorchKernels;

/** Every backend, in every dtype it offers, is held to every case; a failure carries the case's name. */
class KernelsContractTest {
    private static final Queue<ContractResult> RESULTS = new ConcurrentLinkedQueue<>();

    /**
     * @param computes dtypes that are tried
     * @param threads how many a kernel may use
     */
    private record Backend(String label, IntFunction<Kernels> open, List<DType> computes, int... threads) {}

    private static final List<DType> ALL = List.of(DType.F64, DType.F32, DType.BF16);

    private static final Bf16Products NATIVE = Bf16Products.natively("a test");
    /** Of every size. */
    private static final Bf16Products WIDENED = new Bf16Products(1, "a test");

    /** A backend is held to the contract by one line here. */
    private static final List<Backend> BACKENDS = List.of(
            new Backend("", threads -> new ReferenceKernels(), ALL, 1),
            new Backend("", threads -> new TorchKernels(threads, NATIVE), ALL, 1, 2),
            // How it multiplies in bfloat16 is all that is different.
            new Backend(" widened", threads -> new TorchKernels(threads, WIDENED), List.of(DType.BF16), 1, 2),
            new Backend("", Nd4jKernels::new, ALL, 1, 2));

    @TestFactory
    Stream<DynamicContainer> shouldKeepTheContract() {
        return BACKENDS.stream()
                .flatMap(backend -> IntStream.of(backend.threads)
                        .boxed()
                        .flatMap(threads ->
                                backend.computes.stream().flatMap(compute -> run(backend, threads, compute).stream())));
    }

    /** The kernels of one container are open for as long as its cases run. */
    private static List<DynamicContainer> run(Backend backend, int threads, DType compute) {
        Kernels[] kernels = new Kernels[1];
        String name;
        boolean offered;
        try (Kernels probe = backend.open.apply(threads)) {
            name = "%s %s%s, threads=%d".formatted(probe.name(), compute, backend.label, threads);
            offered = probe.computeDTypes().contains(compute);
            if (!offered) {
                RESULTS.addAll(Contract.run(probe, compute));
            }
        }
        if (!offered) {
            return List.of();
        }
        List<DynamicTest> tests = new ArrayList<>();
        tests.add(DynamicTest.dynamicTest("open", () -> kernels[0] = backend.open.apply(threads)));
        for (ContractCase one : Contract.cases()) {
            tests.add(DynamicTest.dynamicTest(one.name(), () -> check(one.run(kernels[0], compute))));
        }
        tests.add(DynamicTest.dynamicTest("close", () -> kernels[0].close()));
        return List.of(DynamicContainer.dynamicContainer(name, tests));
    }

    private static void check(ContractResult result) {
        RESULTS.add(result);
        Assumptions.assumeFalse(result.verdict() == Verdict.UNSUPPORTED, result::toString);
        assertThat(result.verdict()).as(result.toString()).isEqualTo(Verdict.PASSED);
    }

    /** A kernel that no case holds could be anything. */
    @Test
    void shouldHaveCasesForEveryOperationOfKernels() {
        Set<String> operations = Arrays.stream(Kernels.class.getDeclaredMethods())
                .map(Method::getName)
                .filter(name -> !Set.of(
                                "name",
                                "device",
                                "hostBuffer",
                                "takesHostMemory",
                                "masterDType",
                                "computeDTypes",
                                "close")
                        .contains(name))
                .collect(Collectors.toSet());
        Set<String> held = Contract.cases().stream().map(ContractCase::kernel).collect(Collectors.toSet());
        assertThat(held).isEqualTo(operations);
    }

    @Test
    void shouldNameEveryCaseDifferentlyAndAlikeInEveryProcess() {
        List<String> names = Contract.cases().stream().map(ContractCase::name).toList();
        assertThat(names).doesNotHaveDuplicates().hasSizeGreaterThan(200);
        assertThat(Contract.cases().stream().map(ContractCase::name)).isEqualTo(names);
    }

    @AfterAll
    static void printTable() {
        new ContractTable(RESULTS).lines().forEach(System.out::println);
    }
}
