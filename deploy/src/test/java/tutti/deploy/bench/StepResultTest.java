package tutti.deploy.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.entry;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.List;
import org.junit.jupiter.api.Test;
import tutti.common.config.TrainConfig.Backend;
import tutti.common.config.TrainConfig.DeviceKind;
import tutti.common.metrics.StepMetrics;
import tutti.worker.tensor.DType;

class StepResultTest {
    @Test
    void shouldCountTokensOfAllRanksOverTheWallTimeOfTheTimedSteps() {
        StepResult result = result(step(100), step(300), step(200));
        assertThat(result.tokensPerSecond()).isCloseTo(3 * 2 * 4 * 256 / 0.6, within(1e-6));
        assertThat(result.stepMs()).isEqualTo(new Spread(200, 100, 300));
        assertThat(result.gflops()).isCloseTo(6 * 260_032 * result.tokensPerSecond() / 1e9, within(1e-9));
        assertThat(result.mfu()).isCloseTo(result.gflops() / 400, within(1e-12));
    }

    @Test
    void shouldTellTheMedianOfEveryPhase() {
        assertThat(result(step(100), step(300), step(200)).phasesMs())
                .containsExactly(
                        entry("data", 2.0),
                        entry("forward", 40.0),
                        entry("recompute", 20.0),
                        entry("backward", 60.0),
                        entry("allreduce_exposed", 10.0),
                        entry("clip", 6.0),
                        entry("optimizer", 16.0));
    }

    @Test
    void shouldWriteTheNamesThatMachinesRead() throws Exception {
        JsonNode json = new ObjectMapper().valueToTree(result(step(100), step(300), step(200)));
        assertThat(json.fieldNames())
                .toIterable()
                .containsExactlyInAnyOrder(
                        "shape",
                        "parameters",
                        "world_size",
                        "batch",
                        "sequence",
                        "dtype",
                        "checkpointing",
                        "backend",
                        "threads",
                        "machine",
                        "steps",
                        "warmup",
                        "tokens_per_second",
                        "step_ms",
                        "phases_ms",
                        "gflops",
                        "matmul_ceiling_gflops",
                        "mfu",
                        "planned_peak_bytes",
                        "measured_peak_bytes");
        assertThat(json.get("planned_peak_bytes").asLong()).isEqualTo(64L << 20);
        assertThat(json.get("measured_peak_bytes").asLong()).isEqualTo(63L << 20);
        assertThat(json.at("/step_ms/median").asDouble()).isEqualTo(200);
        assertThat(json.get("dtype").asText()).isEqualTo("bf16");
    }

    @Test
    void shouldPrintATableForPeople() {
        assertThat(result(step(100), step(300), step(200)).table())
                .contains("tiny: 260,032 parameters, bf16 on torch, checkpointing none")
                .containsPattern("(?m)^tokens/s +10,240$")
                .containsPattern("(?m)^  allreduce exposed +10\\.0 ms +5\\.0 %$")
                .containsPattern("(?m)^step +200\\.0 ms   \\(100\\.0 to 300\\.0\\)$");
    }

    @Test
    void shouldRefuseARunThatLacksSteps() {
        assertThatIllegalStateException()
                .isThrownBy(() -> result(step(100)))
                .withMessageContaining("1 timed steps, expected 3");
    }

    /** Parts in proportion to the whole. */
    private static StepMetrics step(double ms) {
        return new StepMetrics(
                1, 1, 5, 1e-3, 1, 2040, 1, ms, .01 * ms, .2 * ms, .1 * ms, .3 * ms, .2 * ms, .05 * ms, 1.5, .03 * ms,
                .08 * ms, 0, 1, 2, 1);
    }

    private static StepResult result(StepMetrics... steps) {
        StepBench.Options options = new StepBench.Options(
                BenchShape.of("tiny", 256), 2, 4, 256, true, "False", "0", 0, 3, 2, Backend.TORCH, DeviceKind.AUTO, 42);
        return StepResult.of(
                options,
                "none",
                "torch",
                DType.BF16,
                1,
                List.of(steps),
                400,
                new StepResult.Peaks(64L << 20, 63L << 20));
    }
}
