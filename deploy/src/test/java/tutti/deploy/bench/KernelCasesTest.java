package tutti.deploy.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import tutti.common.config.TrainConfig.Backend;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Device;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.PlanningArena;
import tutti.worker.tensor.ReferenceKernels;

class KernelCasesTest {
    /** What is no operation on tensors. */
    private static final Set<String> NO_OPERATION = Set.of(
            "name",
            "device",
            "hostBuffer",
            "masterDType",
            "computeDTypes",
            "arena",
            "workspaceBytes",
            "libraryBytes",
            "reserve",
            "takesHostMemory",
            "close");

    private static final int BATCH = 2;
    private static final int LENGTH = 6;

    @Test
    void shouldCallEveryOperationThatKernelsHave() {
        Set<String> called = new HashSet<>();
        try (Kernels reference = new ReferenceKernels();
                Arena arena = reference.arena("test", plan(reference))) {
            KernelCases cases = cases(recording(reference, called), arena);
            cases.fill();
            called.clear();
            cases.list().forEach(one -> one.call().run());
        }
        assertThat(called)
                .containsExactlyInAnyOrderElementsOf(Arrays.stream(Kernels.class.getMethods())
                        .map(Method::getName)
                        .filter(name -> !NO_OPERATION.contains(name))
                        .collect(Collectors.toSet()));
    }

    @Test
    void shouldCountEitherFlopsOrBytes() {
        try (Kernels kernels = new ReferenceKernels()) {
            List<KernelCase> cases = cases(kernels, new PlanningArena()).list();
            assertThat(cases).allMatch(one -> one.flops() > 0 ^ one.bytes() > 0);
            assertThat(flops(cases, "matmul forward")).isEqualTo(2.0 * BATCH * LENGTH * 64 * 64);
            assertThat(flops(cases, "linear + cross-entropy")).isEqualTo(2.0 * BATCH * LENGTH * 64 * 512);
            // Query i of a sequence sees i + 1 keys; scores and weighted values are 2 D each.
            assertThat(flops(cases, "attention")).isEqualTo(BATCH * 8 * (1 + 2 + 3 + 4 + 5 + 6) * 2 * 2 * 8.0);
            assertThat(cases.stream().filter(one -> one.kernel().equals("axpy")).mapToDouble(KernelCase::bytes))
                    .containsExactly(3.0 * 512 * 64 * Double.BYTES);
        }
    }

    @Test
    void shouldReportEveryCaseAgainstTheCeiling() throws Exception {
        long[] now = {0};
        KernelReport report = new KernelBench(() -> now[0] += 1_000_000_000L)
                .run(new KernelBench.Options(
                        BenchShape.of("tiny", LENGTH), BATCH, LENGTH, Backend.REFERENCE, Device.CPU, null, 1));
        JsonNode json = new ObjectMapper().valueToTree(report);
        assertThat(json.get("dtype").asText()).isEqualTo("f64");
        assertThat(json.get("matmul_ceiling_gflops").asDouble()).isEqualTo(2.0 * 128 * 128 * 128 / 1e9);
        assertThat(json.get("kernels")).hasSize(report.kernels().size()).allSatisfy(row -> {
            assertThat(row.at("/microseconds/median").asDouble()).isEqualTo(1e6);
            assertThat(row.get("gflops").isNull())
                    .isNotEqualTo(row.get("gb_per_second").isNull());
        });
        assertThat(report.table()).containsPattern("(?m)^matmul forward +q 12 x 64 x 64 +1,000,000\\.0 ");
    }

    private static double flops(List<KernelCase> cases, String kernel) {
        return cases.stream()
                .filter(one -> one.kernel().equals(kernel))
                .findFirst()
                .orElseThrow()
                .flops();
    }

    private static KernelCases cases(Kernels kernels, Arena arena) {
        return new KernelCases(kernels, BenchShape.of("tiny", LENGTH).config(), DType.F64, BATCH, LENGTH, arena);
    }

    private static long plan(Kernels kernels) {
        PlanningArena plan = new PlanningArena();
        cases(kernels, plan);
        return plan.used();
    }

    private static Kernels recording(Kernels kernels, Set<String> called) {
        return (Kernels) Proxy.newProxyInstance(
                Kernels.class.getClassLoader(), new Class<?>[] {Kernels.class}, (proxy, method, arguments) -> {
                    called.add(method.getName());
                    try {
                        return method.invoke(kernels, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }
}
