package tutti.test.numeric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.checkpoint.ModelFolder;
import tutti.common.config.GradientCheckpointing;
import tutti.common.config.GradientCheckpointing.Policy;
import tutti.test.support.TrainSpec;
import tutti.worker.model.ActivationPlan;
import tutti.worker.model.LlamaConfig;
import tutti.worker.tensor.DType;

class FixtureTrainingTest {
    @TempDir
    Path folder;

    private Path data;

    @BeforeEach
    void writeData() throws IOException {
        data = TrainSpec.writeData(folder);
    }

    @ParameterizedTest(name = "{0} ranks x batch {1} x accumulation {2}, checkpointing {3}")
    @CsvSource({
        "1,4,1,false",
        "1,4,1,true",
        "1,2,2,false",
        "1,2,2,true",
        "1,1,4,false",
        "1,1,4,true",
        "2,2,1,false",
        "2,2,1,true",
        "2,1,2,false",
        "2,1,2,true",
        "4,1,1,false",
        "4,1,1,true",
    })
    void shouldGiveTheLossesOfPyTorchHoweverTheGlobalBatchIsSplit(
            int ranks, int batch, int accumulation, boolean checkpointing) throws Exception {
        Map<String, String> flags = flags(batch, accumulation);
        flags.put("gradient_checkpointing", Boolean.toString(checkpointing));
        InProcessRun run = InProcessRun.of(flags, ranks);
        // The bar: float32 against float64 over 12 steps.
        assertClose(run.losses(), TrainSpec.expected("losses"), 1e-4);
        assertClose(run.gradNorms(), TrainSpec.expected("grad_norms"), 1e-3);
        assertClose(run.rates(), TrainSpec.expected("learning_rates"), 1e-12);
        assertThat(Set.copyOf(run.hashes())).hasSize(1);
        assertNorms(1e-4);
    }

    @ParameterizedTest(name = "bf16 {0}")
    @ValueSource(booleans = {false, true})
    void shouldGiveTheSameBitsUnderEveryCheckpointingPolicyAndOnEveryRepetition(boolean bf16) throws Exception {
        Map<String, String> flags = flags(2, 1);
        flags.put("bf16", Boolean.toString(bf16));
        InProcessRun none = InProcessRun.of(flags, 2);
        for (String policy : List.of("none", "selective", "full")) {
            flags.put("gradient_checkpointing", policy);
            assertSameBits(policy, InProcessRun.of(flags, 2), none);
        }
        flags.put("gradient_checkpointing", "budget");
        // Just too little for all blocks to be selective, and just too little for all to be none: two mixtures.
        for (Policy policy : List.of(Policy.SELECTIVE, Policy.NONE)) {
            double gib = (activationBytes(GradientCheckpointing.of(policy), bf16) - 1) / (double) (1L << 30);
            flags.put("activation_memory_gb", Double.toString(gib));
            assertSameBits("%s GiB".formatted(gib), InProcessRun.of(flags, 2), none);
        }
    }

    private static void assertSameBits(String policy, InProcessRun run, InProcessRun none) {
        assertThat(run.losses()).as("losses with " + policy).isEqualTo(none.losses());
        assertThat(run.gradNorms()).as("gradient norms with " + policy).isEqualTo(none.gradNorms());
        assertThat(run.hashes()).as("weights with " + policy).isEqualTo(none.hashes());
    }

    /** Of a micro-batch of two of the longest samples. */
    private static long activationBytes(GradientCheckpointing checkpointing, boolean bf16) {
        int longest = TrainSpec.longest();
        return ActivationPlan.training(
                        LlamaConfig.read(TrainSpec.model()),
                        DType.F32,
                        bf16 ? DType.BF16 : DType.F32,
                        2 * longest,
                        longest,
                        checkpointing)
                .bytes();
    }

    @Test
    void shouldStayWithinTwoPercentInBfloat16() throws Exception {
        Map<String, String> flags = flags(2, 1);
        flags.put("bf16", "True");
        assertClose(InProcessRun.of(flags, 2).losses(), TrainSpec.expected("losses"), 2e-2);
    }

    @ParameterizedTest(name = "bf16 {0}")
    @CsvSource({"false,1e-4", "true,2e-2"})
    void shouldGiveTheLossesOfPyTorchOnNd4j(boolean bf16, double tolerance) throws Exception {
        Map<String, String> flags = flags(2, 1);
        flags.put("backend", "nd4j");
        flags.put("bf16", Boolean.toString(bf16));
        InProcessRun run = InProcessRun.of(flags, 2);
        assertClose(run.losses(), TrainSpec.expected("losses"), tolerance);
        assertThat(Set.copyOf(run.hashes())).hasSize(1);
        if (!bf16) {
            assertClose(run.gradNorms(), TrainSpec.expected("grad_norms"), 1e-3);
            assertNorms(1e-4);
        }
        flags.put("gradient_checkpointing", "True");
        assertThat(InProcessRun.of(flags, 2).hashes()).isEqualTo(run.hashes());
    }

    @Test
    void shouldGiveThePyTorchNumbersToTwelveDigitsOnTheFloat64Reference() throws Exception {
        Map<String, String> flags = flags(2, 1);
        flags.put("backend", "reference");
        InProcessRun run = InProcessRun.of(flags, 2);
        // Both sides are float64; what differs is the order of sums.
        assertClose(run.losses(), TrainSpec.expected("losses"), 1e-10);
        assertClose(run.gradNorms(), TrainSpec.expected("grad_norms"), 1e-9);
        assertNorms(1e-10);
    }

    private Map<String, String> flags(int batch, int accumulation) throws IOException {
        return TrainSpec.flags(data, Files.createDirectories(folder.resolve("out")), batch, accumulation);
    }

    private void assertNorms(double tolerance) {
        try (ModelFolder model = ModelFolder.open(folder.resolve("out"))) {
            TrainSpec.expectedNorms().forEach((name, norm) -> {
                ByteBuffer floats = ByteBuffer.allocateDirect(
                                Math.toIntExact(model.info(name).elements() * Float.BYTES))
                        .order(ByteOrder.LITTLE_ENDIAN);
                model.readAsF32(name, floats);
                floats.flip();
                double sum = 0;
                while (floats.hasRemaining()) {
                    double value = floats.getFloat();
                    sum += value * value;
                }
                assertThat(Math.sqrt(sum)).as(name).isCloseTo(norm, within(Math.max(tolerance, 1e-7) * norm));
            });
        }
    }

    private static void assertClose(List<Double> actual, List<Double> expected, double relative) {
        assertThat(actual).hasSameSizeAs(expected);
        for (int i = 0; i < expected.size(); i++) {
            assertThat(actual.get(i))
                    .as("step %d", i + 1)
                    .isCloseTo(expected.get(i), within(relative * Math.abs(expected.get(i))));
        }
    }
}
