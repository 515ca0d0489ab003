package tutti.coordinator.run;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import tutti.common.metrics.Meter;
import tutti.common.metrics.StepMetrics;

/**
 * The one emitter of every {@link Meter}. Subscribe it to the {@link StatusBoard}; report commits with
 * {@link #checkpointCommitted()}. Gauges are not-a-number until there is something to show. Any thread may call.
 */
public final class RunMeters implements StatusBoard.Listener {
    private final AtomicReference<Double> step;
    private final AtomicReference<Double> loss;
    private final AtomicReference<Double> learningRate;
    private final AtomicReference<Double> gradNorm;
    private final AtomicReference<Double> tokensPerSecond;
    private final AtomicReference<Double> workers;
    private final AtomicReference<Double> generation;
    private final Counter tokens;
    private final Counter checkpoints;
    private final Timer stepTime;
    private final Timer allreduceExposed;

    public RunMeters(MeterRegistry registry) {
        step = gauge(registry, Meter.STEP);
        loss = gauge(registry, Meter.LOSS);
        learningRate = gauge(registry, Meter.LEARNING_RATE);
        gradNorm = gauge(registry, Meter.GRAD_NORM);
        tokensPerSecond = gauge(registry, Meter.TOKENS_PER_SECOND);
        workers = gauge(registry, Meter.WORKERS);
        generation = gauge(registry, Meter.GENERATION);
        tokens = counter(registry, Meter.TOKENS);
        checkpoints = counter(registry, Meter.CHECKPOINTS);
        stepTime = timer(registry, Meter.STEP_TIME);
        allreduceExposed = timer(registry, Meter.ALLREDUCE_EXPOSED);
    }

    @Override
    public void onStep(StepMetrics metrics) {
        step.set((double) metrics.step());
        loss.set(metrics.loss());
        learningRate.set(metrics.learningRate());
        gradNorm.set(metrics.gradNorm());
        tokensPerSecond.set(metrics.tokensPerSecond());
        tokens.increment(metrics.tokens());
        stepTime.record(milliseconds(metrics.stepMs()));
        allreduceExposed.record(milliseconds(metrics.allreduceExposedMs()));
    }

    @Override
    public void onStatus(RunStatus status) {
        workers.set((double) status.worldSize());
        generation.set((double) status.generation());
    }

    /** One more checkpoint is whole and named in the output folder. */
    public void checkpointCommitted() {
        checkpoints.increment();
    }

    private static AtomicReference<Double> gauge(MeterRegistry registry, Meter meter) {
        AtomicReference<Double> value = new AtomicReference<>(Double.NaN);
        Gauge.builder(meter.id(), value, AtomicReference::get)
                .baseUnit(unit(meter))
                .description(meter.meaning())
                .strongReference(true)
                .register(registry);
        return value;
    }

    private static Counter counter(MeterRegistry registry, Meter meter) {
        return Counter.builder(meter.id())
                .baseUnit(unit(meter))
                .description(meter.meaning())
                .register(registry);
    }

    private static Timer timer(MeterRegistry registry, Meter meter) {
        return Timer.builder(meter.id()).description(meter.meaning()).register(registry);
    }

    /** Micrometer takes null, not an empty text, for a number without a unit. */
    private static String unit(Meter meter) {
        return meter.unit().isEmpty() ? null : meter.unit();
    }

    private static Duration milliseconds(double value) {
        return Duration.ofNanos(Math.round(value * 1e6));
    }
}
