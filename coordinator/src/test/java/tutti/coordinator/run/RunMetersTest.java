package tutti.coordinator.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import tutti.common.metrics.Meter;
import tutti.common.metrics.StepMetrics;

class RunMetersTest {
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final RunMeters meters = new RunMeters(registry);

    @Test
    void shouldEmitEveryMeterAndNoOther() {
        assertThat(registry.getMeters().stream().map(meter -> meter.getId().getName()))
                .containsExactlyInAnyOrderElementsOf(
                        Arrays.stream(Meter.values()).map(Meter::id).toList());
        assertThat(registry.getMeters().stream().map(meter -> meter.getId().getDescription()))
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
            meters.checkpointCommitted();
        }

        assertThat(gauge(Meter.STEP)).isEqualTo(2);
        assertThat(gauge(Meter.LOSS)).isEqualTo(second.loss());
        assertThat(gauge(Meter.LEARNING_RATE)).isEqualTo(second.learningRate());
        assertThat(gauge(Meter.GRAD_NORM)).isEqualTo(second.gradNorm());
        assertThat(gauge(Meter.TOKENS_PER_SECOND)).isEqualTo(second.tokensPerSecond());
        assertThat(gauge(Meter.WORKERS)).isEqualTo(4);
        assertThat(gauge(Meter.GENERATION)).isEqualTo(2);
        assertThat(registry.get(Meter.TOKENS.id()).counter().count()).isEqualTo(2.0 * second.tokens());
        assertThat(registry.get(Meter.CHECKPOINTS.id()).counter().count()).isEqualTo(1);
        assertThat(registry.get(Meter.STEP_TIME.id()).timer().count()).isEqualTo(2);
        assertThat(registry.get(Meter.ALLREDUCE_EXPOSED.id()).timer().max(TimeUnit.MICROSECONDS))
                .isEqualTo(31_700);
    }

    private double gauge(Meter meter) {
        return registry.get(meter.id()).gauge().value();
    }
}
