package tutti.coordinator.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import tutti.common.metrics.EvalMetrics;
import tutti.common.metrics.Meter;
import tutti.common.metrics.StepMetrics;

class RunMetersTest {
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final RunMeters meters = new RunMeters(registry);

    @Test
    void shouldEmitEveryMeterAndNoOther() {
        meters.collectives(Sample.wire());
        assertThat(registry.getMeters().stream()
                        .map(meter -> meter.getId().getName())
                        .distinct())
                .containsExactlyInAnyOrderElementsOf(
                        Arrays.stream(Meter.values()).map(Meter::id).toList());
        assertThat(registry.getMeters().stream()
                        .map(meter -> meter.getId().getDescription())
                        .distinct())
                .containsExactlyInAnyOrderElementsOf(
                        Arrays.stream(Meter.values()).map(Meter::meaning).toList());
    }

    @Test
    void shouldShowTheLastStepAndSumUpTheRest() {
        StatusBoard board = new StatusBoard(Sample.forming());
        StepMetrics second = Sample.step(2);
        try (StatusBoard.Subscription subscription = board.subscribe(meters)) {
            assertThat(subscription).isNotNull();
            board.publish(Sample.training(2));
            board.publish(Sample.step(1));
            board.publish(second);
            meters.checkpointCommitted(Duration.ofSeconds(3));
            meters.checkpointAbandoned();
            meters.waitedForCheckpoint(Duration.ofMillis(20));
            meters.evaluated(new EvalMetrics(2, 0.5, 1.5, Math.exp(1.5), 0.25, 300, 1.2, 250));
            meters.evaluated(new EvalMetrics(4, 1, 1.25, Math.exp(1.25), null, 300, 1.3, 230));
        }

        assertThat(gauge(Meter.STEP)).isEqualTo(2);
        assertThat(gauge(Meter.LOSS)).isEqualTo(second.loss());
        assertThat(gauge(Meter.LEARNING_RATE)).isEqualTo(second.learningRate());
        assertThat(gauge(Meter.GRAD_NORM)).isEqualTo(second.gradNorm());
        assertThat(gauge(Meter.TOKENS_PER_SECOND)).isEqualTo(second.tokensPerSecond());
        assertThat(gauge(Meter.EVAL_LOSS)).isEqualTo(1.25);
        assertThat(gauge(Meter.EVAL_EXACT_MATCH)).as("of the last that asked").isEqualTo(0.25);
        assertThat(registry.get(Meter.EVAL_TIME.id()).timer().totalTime(TimeUnit.MILLISECONDS))
                .isEqualTo(2500);
        assertThat(gauge(Meter.WORKERS)).isEqualTo(4);
        assertThat(gauge(Meter.GENERATION)).isEqualTo(2);
        assertThat(registry.get(Meter.TOKENS.id()).counter().count()).isEqualTo(2.0 * second.tokens());
        assertThat(registry.get(Meter.CHECKPOINTS.id()).counter().count()).isEqualTo(1);
        assertThat(registry.get(Meter.CHECKPOINTS_ABANDONED.id()).counter().count())
                .isEqualTo(1);
        assertThat(registry.get(Meter.CHECKPOINT_TIME.id()).timer().totalTime(TimeUnit.SECONDS))
                .isEqualTo(3);
        assertThat(registry.get(Meter.CHECKPOINT_WAIT.id()).timer().totalTime(TimeUnit.MICROSECONDS))
                .as("two steps of 6.4 ms and the pause")
                .isEqualTo(32_800);
        assertThat(registry.get(Meter.STEP_TIME.id()).timer().count()).isEqualTo(2);
        assertThat(registry.get(Meter.ALLREDUCE_EXPOSED.id()).timer().max(TimeUnit.MICROSECONDS))
                .isEqualTo(31_700);
        assertThat(registry.get(Meter.ALLREDUCE_TIME.id()).timer().max(TimeUnit.MICROSECONDS))
                .isEqualTo(118_900);
        assertThat(gauge(Meter.BUS_BANDWIDTH)).as("bytes per second").isEqualTo(2.75e9);
    }

    @Test
    void shouldSumUpWhatTheRanksCounted() {
        for (int rank = 0; rank < 4; rank++) {
            meters.collectives(Sample.wire());
        }

        assertThat(count(Meter.BYTES_SENT)).isEqualTo(1_320_000_000);
        assertThat(count(Meter.BACK_PRESSURE)).isEqualTo(164);
        assertThat(count(Meter.RETRANSMITS)).isEqualTo(12);
        assertThat(count(Meter.DROPPED_FRAMES, "kind", "bad_checksum")).isEqualTo(8);
        assertThat(count(Meter.DROPPED_FRAMES, "kind", "duplicate"))
                .as("there before the first one is dropped")
                .isZero();
        Timer total = registry.get(Meter.BUCKET_TIME.id()).tag("bucket", "1").timer();
        assertThat(total.count()).isEqualTo(4);
        assertThat(total.totalTime(TimeUnit.MILLISECONDS)).isEqualTo(332);
        Timer exposed =
                registry.get(Meter.BUCKET_EXPOSED.id()).tag("bucket", "1").timer();
        assertThat(exposed.totalTime(TimeUnit.MILLISECONDS)).isEqualTo(118);
        Timer hidden =
                registry.get(Meter.BUCKET_EXPOSED.id()).tag("bucket", "0").timer();
        assertThat(hidden.totalTime(TimeUnit.MILLISECONDS)).isZero();
    }

    private double count(Meter meter, String... tags) {
        return registry.get(meter.id()).tags(tags).counter().count();
    }

    private double gauge(Meter meter) {
        return registry.get(meter.id()).gauge().value();
    }
}
