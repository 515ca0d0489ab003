package tutti.worker.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import tutti.common.config.LrSchedule;
import tutti.common.config.LrSchedule.Shape;
import tutti.common.config.OptimConfig;

class LearningRateTest {
    private static final Map<String, Shape> SHAPES = Map.of(
            "get_linear_schedule_with_warmup", Shape.LINEAR,
            "get_cosine_schedule_with_warmup", Shape.COSINE,
            "get_cosine_with_hard_restarts_schedule_with_warmup", Shape.COSINE_WITH_RESTARTS,
            "get_polynomial_decay_schedule_with_warmup", Shape.POLYNOMIAL,
            "get_constant_schedule_with_warmup", Shape.CONSTANT_WITH_WARMUP,
            "get_inverse_sqrt_schedule", Shape.INVERSE_SQRT,
            "get_cosine_with_min_lr_schedule_with_warmup", Shape.COSINE_WITH_MIN_LR,
            "get_cosine_with_min_lr_schedule_with_warmup_lr_rate", Shape.COSINE_WARMUP_WITH_MIN_LR,
            "get_wsd_schedule", Shape.WARMUP_STABLE_DECAY);

    /** All lists that there are; Python's and Java's cosine and power may differ in the last bit. */
    @Test
    void shouldEqualTheSchedulesOfTransformers() throws IOException {
        Path fixture = Path.of("../../shared/fixtures/lr_schedules.json");
        Assumptions.assumeTrue(Files.isRegularFile(fixture), "skipped: ../shared is not beside the project");
        for (JsonNode entry : new ObjectMapper().readTree(fixture.toFile()).path("schedules")) {
            Shape shape = SHAPES.get(entry.path("schedule").asText());
            assertThat(shape).as("%s", entry.path("schedule")).isNotNull();
            Map<String, Double> options = new TreeMap<>();
            entry.path("kwargs")
                    .properties()
                    .forEach(one -> options.put(one.getKey(), one.getValue().asDouble()));
            Double warmup = options.remove("num_warmup_steps");
            Double total = options.remove("num_training_steps");
            LearningRate rate = rate(
                    entry.path("base_lr").asDouble(),
                    new LrSchedule(shape, options),
                    warmup.longValue(),
                    total == null ? 1 : total.longValue());
            for (int i = 0; i < entry.path("lrs").size(); i++) {
                double expected = entry.path("lrs").get(i).asDouble();
                assertThat(rate.at(i)).as("%s step %d", entry, i).isCloseTo(expected, within(1e-19));
            }
        }
    }

    @Test
    void shouldTakeTheLeastRateAsAShareOrAsItIs() {
        LearningRate share = rate(2e-5, new LrSchedule(Shape.COSINE_WITH_MIN_LR, Map.of("min_lr_rate", 0.1)), 3, 50);
        LearningRate itself = rate(2e-5, new LrSchedule(Shape.COSINE_WITH_MIN_LR, Map.of("min_lr", 2e-6)), 3, 50);
        for (int step = 0; step < 55; step++) {
            assertThat(itself.at(step)).isCloseTo(share.at(step), within(1e-19));
        }
    }

    @Test
    void shouldNotWarmUpAConstantRate() {
        assertThat(rate(0.5, LrSchedule.of(Shape.CONSTANT), 10, 100).at(0)).isEqualTo(0.5);
    }

    @Test
    void shouldRoundTheWarmUpRatioUp() {
        OptimConfig config = new OptimConfig(1, LrSchedule.of(Shape.LINEAR), 0.03, 0, 0, 0.9, 0.999, 1e-8, 1, 0);
        assertThat(config.warmup(24)).isEqualTo(1);
    }

    private static LearningRate rate(double base, LrSchedule schedule, long warmup, long total) {
        return new LearningRate(new OptimConfig(base, schedule, 0, warmup, 0, 0.9, 0.999, 1e-8, 1, 0), total);
    }
}
