package tutti.worker.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import tutti.common.config.OptimConfig;
import tutti.common.config.OptimConfig.Schedule;

class LearningRateTest {
    private static final Map<String, Schedule> KNOWN = Map.of(
            "get_linear_schedule_with_warmup", Schedule.LINEAR,
            "get_cosine_schedule_with_warmup", Schedule.COSINE,
            "get_constant_schedule_with_warmup", Schedule.CONSTANT_WITH_WARMUP);

    @Test
    void shouldEqualTheSchedulesOfTransformers() throws IOException {
        Path fixture = Path.of("../../shared/fixtures/lr_schedules.json");
        Assumptions.assumeTrue(Files.isRegularFile(fixture), "skipped: ../shared is not beside the project");
        int compared = 0;
        for (JsonNode entry : new ObjectMapper().readTree(fixture.toFile()).path("schedules")) {
            Schedule schedule = KNOWN.get(entry.path("schedule").asText());
            if (schedule == null) {
                continue;
            }
            JsonNode kwargs = entry.path("kwargs");
            long warmup = kwargs.path("num_warmup_steps").asLong();
            long total = kwargs.path("num_training_steps").asLong(1);
            LearningRate rate = rate(entry.path("base_lr").asDouble(), schedule, warmup, total);
            for (int i = 0; i < entry.path("lrs").size(); i++) {
                double expected = entry.path("lrs").get(i).asDouble();
                assertThat(rate.at(i)).as("%s step %d", entry, i).isCloseTo(expected, within(1e-18));
                compared++;
            }
        }
        assertThat(compared).isGreaterThan(300);
    }

    @Test
    void shouldNotWarmUpAConstantRate() {
        assertThat(rate(0.5, Schedule.CONSTANT, 10, 100).at(0)).isEqualTo(0.5);
    }

    @Test
    void shouldRoundTheWarmUpRatioUp() {
        OptimConfig config = new OptimConfig(1, Schedule.LINEAR, 0.03, 0, 0, 0.9, 0.999, 1e-8, 1, 0);
        assertThat(config.warmup(24)).isEqualTo(1);
    }

    private static LearningRate rate(double base, Schedule schedule, long warmup, long total) {
        return new LearningRate(new OptimConfig(base, schedule, 0, warmup, 0, 0.9, 0.999, 1e-8, 1, 0), total);
    }
}
