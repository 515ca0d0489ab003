package tutti.worker.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.config.GradientCheckpointing;
import tutti.common.config.GradientCheckpointing.Policy;
import tutti.common.config.PlanConfig;
import tutti.common.config.Settings;
import tutti.common.config.TrainConfig.Backend;
import tutti.common.config.TrainConfig.DeviceKind;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.worker.model.ActivationPlan;
import tutti.worker.model.LlamaConfig;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Device;
import tutti.worker.tensor.Dimensions;
import tutti.worker.tensor.KernelSizes;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.MemoryUse;
import tutti.worker.tensor.torch.LibTorch;

class MemoryPlanTest {
    private static final LlamaConfig MODEL = new LlamaConfig(32, 96, 4, 4, 2, 8, 100, 64, 1e-5, 1e4, true, 0.02);
    private static final int LONGEST = 16;
    private static final long COMMUNICATION = 12345;
    /** Of the flat layout; every weight of this model fills whole cache lines. */
    private static final long WEIGHTS = 100 * 32 + 4 * (2 * 32 + 2 * 32 * 32 + 2 * 16 * 32 + 3 * 96 * 32) + 32;

    @Test
    void shouldNameEveryUseToTheByte() {
        KernelSizes sizes = new KernelSizes(
                "torch",
                Device.CPU,
                DType.F32,
                true,
                55,
                (dimensions, compute) -> dimensions.equals(new Dimensions(8 * LONGEST, LONGEST, 32, 96, 4, 2, 8, 100))
                                && compute == DType.BF16
                        ? 777
                        : -1);
        MemoryPlan plan = MemoryPlan.of(config("bf16", "True"), MODEL, sizes, LONGEST, gradients -> COMMUNICATION);
        Map<MemoryUse, Long> expected = new LinkedHashMap<>();
        expected.put(MemoryUse.PARAMETERS, 2 * WEIGHTS);
        expected.put(MemoryUse.MASTER_WEIGHTS, 4 * WEIGHTS);
        expected.put(MemoryUse.GRADIENTS, 4 * WEIGHTS);
        expected.put(MemoryUse.OPTIMIZER, 8 * WEIGHTS);
        expected.put(MemoryUse.ACTIVATIONS, activations(DType.BF16));
        expected.put(MemoryUse.WORKSPACE, 777L);
        expected.put(MemoryUse.LIBRARY, 55L);
        expected.put(MemoryUse.BATCH, 3L * 4 * 8 * LONGEST);
        expected.put(MemoryUse.ROPE, 2L * 4 * LONGEST * 4);
        expected.put(MemoryUse.ANSWERS, 0L);
        expected.put(MemoryUse.COMMUNICATION, COMMUNICATION);
        expected.put(MemoryUse.CHECKPOINT, 1L << 20);
        assertThat(plan.bytes()).isEqualTo(expected);
        assertThat(plan.total())
                .isEqualTo(expected.values().stream().mapToLong(Long::longValue).sum());
    }

    @Test
    void shouldCountNoCopyWhereTheMasterWeightsCompute() {
        MemoryPlan plan =
                MemoryPlan.of(config(), MODEL, Backends.sizes(Backend.TORCH, Device.CPU), LONGEST, gradients -> 0);
        assertThat(plan.bytes()).containsEntry(MemoryUse.PARAMETERS, 0L);
        assertThat(plan.bytes()).containsEntry(MemoryUse.ACTIVATIONS, activations(DType.F32));
    }

    @Test
    void shouldCountTheHostsCopyOfGradientsThatLieOnADevice() {
        Device device = Device.cuda(1);
        MemoryPlan plan = MemoryPlan.of(
                config("nproc_per_node", "2"),
                MODEL,
                Backends.sizes(Backend.TORCH, device),
                LONGEST,
                none -> COMMUNICATION + none);
        assertThat(plan.bytes()).containsEntry(MemoryUse.COMMUNICATION, COMMUNICATION + 4 * WEIGHTS);
        assertThat(plan.hostBytes(device)).isEqualTo(COMMUNICATION + 4 * WEIGHTS + (1 << 20));
        assertThat(plan.hostBytes(Device.CPU)).isEqualTo(plan.total());
    }

    /** Of four virtual ranks on one worker the sum of one waits, and the sum of two. */
    @ParameterizedTest(name = "{0} workers")
    @CsvSource({"4,1", "2,2", "1,3"})
    void shouldCountASumForEachDoublingOfTheVirtualRanksOnAWorker(String workers, int buffers) {
        PlanConfig run = config("virtual_ranks", "4", "nproc_per_node", workers);
        MemoryPlan plan = MemoryPlan.of(run, MODEL, Backends.sizes(Backend.TORCH, Device.CPU), LONGEST, none -> 0);
        assertThat(plan.bytes()).containsEntry(MemoryUse.GRADIENTS, buffers * 4 * WEIGHTS);
        assertThat(plan.gradientBytes()).as("of those that backward writes").isEqualTo(4 * WEIGHTS);
    }

    /** Moments, and with bf16 the master weights, of a share of the matrices; norms are everybody's, and shares are whole grains. */
    @ParameterizedTest(name = "--zero {0}, {1} workers")
    @CsvSource({"1,2", "2,2", "1,4", "2,8"})
    void shouldDivideTheOptimizersMemoryByTheWorkers(String zero, int workers) {
        PlanConfig run = config("zero", zero, "nproc_per_node", Integer.toString(workers), "bf16", "True");
        MemoryPlan plan = MemoryPlan.of(run, MODEL, Backends.sizes(Backend.TORCH, Device.CPU), LONGEST, none -> 0);
        long norms = 32 * (2 * 4 + 1);
        long share = norms + (WEIGHTS - norms) / workers;
        assertThat(plan.bytes().get(MemoryUse.OPTIMIZER)).isBetween(8 * share, 8 * share + 8 * 2 * 1024);
        assertThat(plan.bytes().get(MemoryUse.MASTER_WEIGHTS)).isBetween(4 * share, 4 * share + 4 * 2 * 1024);
        assertThat(plan.bytes()).containsEntry(MemoryUse.PARAMETERS, 2 * WEIGHTS);
    }

    @Test
    void shouldKeepGradientsWholeWhereAWorkerAddsUpVirtualRanks() {
        PlanConfig one = config("zero", "2", "nproc_per_node", "4", "virtual_ranks", "4");
        PlanConfig two = config("zero", "2", "nproc_per_node", "2", "virtual_ranks", "4");
        assertThat(Parts.gradientBytes(one, MODEL, DType.F32, 4)).isLessThan(4 * WEIGHTS);
        assertThat(Parts.gradientBytes(two, MODEL, DType.F32, 2)).isEqualTo(4 * WEIGHTS);
    }

    @Test
    void shouldGiveEachWorkerTheDeviceOfItsNumber() {
        assertThat(Backends.device(Backend.AUTO, DeviceKind.CUDA, 3)).hasToString("cuda:3");
        assertThat(Backends.device(Backend.AUTO, DeviceKind.CPU, 3)).hasToString("cpu");
        String here = LibTorch.packsCuda() ? "cuda:3" : "cpu";
        assertThat(Backends.device(Backend.TORCH, DeviceKind.AUTO, 3)).hasToString(here);
        assertThat(Backends.device(Backend.REFERENCE, DeviceKind.AUTO, 3)).hasToString("cpu");
        assertThatThrownBy(() -> config("device", "cuda", "backend", "nd4j")).hasMessageContaining("--device cuda");
    }

    /** The real arena is exactly as large as planned and full to the last byte. */
    @ParameterizedTest
    @ValueSource(strings = {"none", "selective", "full"})
    void shouldBeWhatARunTakes(String policy) {
        assertIsWhatItTakes(config("gradient_checkpointing", policy, "virtual_ranks", "4"));
    }

    /** Answers, and batches of their own: held-out samples share the activations of a step. */
    @Test
    void shouldCountWhatAnEvaluationTakes() {
        PlanConfig plain = config("virtual_ranks", "4");
        PlanConfig asking = config(
                "virtual_ranks", "4", "eval_data_path", "e", "eval_metric", "exact_match", "eval_max_new_tokens", "5");
        assertIsWhatItTakes(asking);
        KernelSizes sizes = Backends.sizes(Backend.TORCH, Device.CPU);
        Map<MemoryUse, Long> without =
                MemoryPlan.of(plain, MODEL, sizes, LONGEST, none -> 0).bytes();
        Map<MemoryUse, Long> with =
                MemoryPlan.of(asking, MODEL, sizes, LONGEST, none -> 0).bytes();
        assertThat(with).containsEntry(MemoryUse.ACTIVATIONS, without.get(MemoryUse.ACTIVATIONS));
        assertThat(with).containsEntry(MemoryUse.BATCH, 2 * without.get(MemoryUse.BATCH));
        assertThat(with.get(MemoryUse.ANSWERS)).isPositive();
        assertThat(MemoryPlan.of(config("eval_data_path", "e"), MODEL, sizes, LONGEST, none -> 0)
                        .bytes())
                .as("where nothing is asked")
                .containsEntry(MemoryUse.ANSWERS, 0L);
    }

    /** The bytes of keys and values of the questions that are answered side by side. */
    @Test
    void shouldCountTheCacheOfEachQuestionOfAMicroBatch() {
        long two = answers("2");
        long eight = answers("8");
        assertThat(answers("99")).as("as --per_device_train_batch_size").isEqualTo(eight);
        int capacity = LONGEST + 5;
        long cache = 4L * 2 * 2 * 8 * 4 * capacity;
        assertThat(eight - two).isGreaterThanOrEqualTo(6 * cache);
    }

    /** Answers may be longer than what is trained on: their attention then needs more scratch than that of a step. */
    @Test
    void shouldCountTheScratchOfTheLargerOfStepAndAnswers() {
        KernelSizes sizes = new KernelSizes(
                "torch", Device.CPU, DType.F32, true, 0, (dimensions, compute) -> 1000L * dimensions.length());
        PlanConfig asking = config("eval_data_path", "e", "eval_metric", "exact_match", "eval_max_new_tokens", "13");
        assertThat(MemoryPlan.of(asking, MODEL, sizes, LONGEST, none -> 0).bytes())
                .containsEntry(MemoryUse.WORKSPACE, 1000L * (LONGEST + 13));
        assertThat(MemoryPlan.of(config(), MODEL, sizes, LONGEST, none -> 0).bytes())
                .containsEntry(MemoryUse.WORKSPACE, 1000L * LONGEST);
    }

    private static long answers(String evalBatchSize) {
        PlanConfig asking = config(
                "per_device_eval_batch_size",
                evalBatchSize,
                "eval_data_path",
                "e",
                "eval_metric",
                "exact_match",
                "eval_max_new_tokens",
                "5");
        return MemoryPlan.of(asking, MODEL, Backends.sizes(Backend.TORCH, Device.CPU), LONGEST, none -> 0)
                .bytes()
                .get(MemoryUse.ANSWERS);
    }

    private static void assertIsWhatItTakes(PlanConfig run) {
        MemoryPlan plan = MemoryPlan.of(
                run, MODEL, Backends.sizes(Backend.REFERENCE, Device.CPU), LONGEST, gradients -> COMMUNICATION);
        try (Kernels kernels = Backends.open(Backend.REFERENCE, Device.CPU, 1);
                Arena arena = kernels.arena("test", plan.arenaBytes());
                Arena gradients = kernels.arena("gradients", plan.gradientBytes());
                Arena sums = kernels.arena("sums", plan.sumBytes())) {
            int worldSize = run.launch().worldSize();
            Parts.of(
                    run,
                    MODEL,
                    kernels,
                    Lengths.atMost(LONGEST),
                    0,
                    worldSize,
                    arena,
                    gradients,
                    sums,
                    System::nanoTime);
            assertThat(gradients.used()).isEqualTo(gradients.capacity());
            assertThat(sums.used()).isEqualTo(sums.capacity()).isPositive();
            assertThat(arena.used())
                    .isEqualTo(arena.capacity())
                    .isEqualTo(plan.total() - plan.gradientBytes() - plan.sumBytes() - COMMUNICATION - (1 << 20));
        }
    }

    /** What is said of a backend without opening it is what it says itself. */
    @ParameterizedTest
    @EnumSource(names = "AUTO", mode = EnumSource.Mode.EXCLUDE)
    void shouldKnowEveryBackendWithoutOpeningIt(Backend backend) {
        KernelSizes sizes = Backends.sizes(backend, Device.CPU);
        Dimensions dimensions = new Dimensions(1024, 256, 288, 768, 6, 6, 48, 32000);
        try (Kernels kernels = Backends.open(backend, Device.CPU, 1)) {
            assertThat(sizes.name()).isEqualTo(kernels.name()).isEqualTo(backend.word());
            assertThat(sizes.master()).isEqualTo(kernels.masterDType());
            assertThat(sizes.takesHostMemory()).isEqualTo(kernels.takesHostMemory());
            for (DType compute : kernels.computeDTypes()) {
                assertThat(sizes.workspace().bytes(dimensions, compute))
                        .as("workspace in %s", compute)
                        .isEqualTo(kernels.workspaceBytes(dimensions, compute));
            }
        }
    }

    @Test
    void shouldRefuseABatchWithMoreRowsThanCanBeCounted() {
        assertThatThrownBy(() -> MemoryPlan.of(
                        config("per_device_train_batch_size", "1000000"),
                        MODEL,
                        Backends.sizes(Backend.TORCH, Device.CPU),
                        4096,
                        gradients -> 0))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.USER))
                .hasMessageContaining("--per_device_train_batch_size=1000000 times 4096 tokens");
    }

    private static long activations(DType compute) {
        return ActivationPlan.training(
                        MODEL, DType.F32, compute, 8 * LONGEST, LONGEST, GradientCheckpointing.of(Policy.NONE))
                .bytes();
    }

    private static PlanConfig config(String... flags) {
        Map<String, String> given = new LinkedHashMap<>(Map.of("model_name_or_path", "m"));
        for (int i = 0; i < flags.length; i += 2) {
            given.put(flags[i], flags[i + 1]);
        }
        return PlanConfig.read(Settings.of(given, null));
    }
}
