package tutti.coordinator.run;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import tutti.common.metrics.EvalMetrics;
import tutti.common.metrics.Meter;
import tutti.common.metrics.StepMetrics;
import tutti.common.protocol.WorkerReport.BucketTimes;
import tutti.common.protocol.WorkerReport.StepWire;

/**
 * The one emitter of every {@link Meter}. Subscribe it to the {@link StatusBoard}; report checkpoints with {@link
 * #checkpointCommitted}, {@link #checkpointAbandoned} and {@link #waitedForCheckpoint}, evaluations with {@link #evaluated}, and what
 * workers counted with {@link #collectives}. Gauges are not-a-number until there is something to show. Any thread may call.
 */
public final class RunMeters implements StatusBoard.Listener {
    private final MeterRegistry registry;
    private final AtomicReference<Double> step;
    private final AtomicReference<Double> loss;
    private final AtomicReference<Double> learningRate;
    private final AtomicReference<Double> gradNorm;
    private final AtomicReference<Double> tokensPerSecond;
    private final AtomicReference<Double> busBandwidth;
    private final AtomicReference<Double> evalLoss;
    private final AtomicReference<Double> evalExactMatch;
    private final AtomicReference<Double> workers;
    private final AtomicReference<Double> generation;
    private final Counter tokens;
    private final Counter checkpoints;
    private final Counter abandoned;
    private final Counter bytesSent;
    private final Counter backPressure;
    private final Counter retransmits;
    private final Timer stepTime;
    private final Timer allreduceTime;
    private final Timer allreduceExposed;
    private final Timer evalTime;
    private final Timer checkpointTime;
    private final Timer checkpointWait;

    public RunMeters(MeterRegistry registry) {
        this.registry = registry;
        step = gauge(Meter.STEP);
        loss = gauge(Meter.LOSS);
        learningRate = gauge(Meter.LEARNING_RATE);
        gradNorm = gauge(Meter.GRAD_NORM);
        tokensPerSecond = gauge(Meter.TOKENS_PER_SECOND);
        busBandwidth = gauge(Meter.BUS_BANDWIDTH);
        evalLoss = gauge(Meter.EVAL_LOSS);
        evalExactMatch = gauge(Meter.EVAL_EXACT_MATCH);
        workers = gauge(Meter.WORKERS);
        generation = gauge(Meter.GENERATION);
        tokens = counter(Meter.TOKENS);
        checkpoints = counter(Meter.CHECKPOINTS);
        abandoned = counter(Meter.CHECKPOINTS_ABANDONED);
        bytesSent = counter(Meter.BYTES_SENT);
        backPressure = counter(Meter.BACK_PRESSURE);
        retransmits = counter(Meter.RETRANSMITS);
        stepTime = timer(Meter.STEP_TIME);
        allreduceTime = timer(Meter.ALLREDUCE_TIME);
        allreduceExposed = timer(Meter.ALLREDUCE_EXPOSED);
        evalTime = timer(Meter.EVAL_TIME);
        checkpointTime = timer(Meter.CHECKPOINT_TIME);
        checkpointWait = timer(Meter.CHECKPOINT_WAIT);
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
        busBandwidth.set(metrics.allreduceBusbwGbps() * 1e9);
        allreduceTime.record(milliseconds(metrics.allreduceMs()));
        allreduceExposed.record(milliseconds(metrics.allreduceExposedMs()));
        checkpointWait.record(milliseconds(metrics.checkpointMs()));
    }

    @Override
    public void onStatus(RunStatus status) {
        workers.set((double) status.worldSize());
        generation.set((double) status.generation());
    }

    /** One more checkpoint is whole and named in the output folder. */
    public void checkpointCommitted(Duration took) {
        checkpoints.increment();
        checkpointTime.record(took);
    }

    /** A disk did not take it. */
    public void checkpointAbandoned() {
        abandoned.increment();
    }

    /** No step was handed out for so long; what steps waited comes with them. */
    public void waitedForCheckpoint(Duration stoodStill) {
        checkpointWait.record(stoodStill);
    }

    /** How good the weights are. */
    public void evaluated(EvalMetrics found) {
        evalLoss.set(found.evalLoss());
        Optional.ofNullable(found.evalExactMatch()).ifPresent(evalExactMatch::set);
        evalTime.record(milliseconds(found.evalRuntime() * 1e3));
    }

    /** Adds what one rank did in one step. */
    public void collectives(StepWire wire) {
        bytesSent.increment(wire.bytesSent());
        backPressure.increment(wire.refusedOffers());
        retransmits.increment(wire.retransmits());
        wire.dropped()
                .forEach((kind, frames) ->
                        counter(Meter.DROPPED_FRAMES, "kind", kind).increment(frames));
        for (BucketTimes bucket : wire.buckets()) {
            String number = Integer.toString(bucket.bucket());
            timer(Meter.BUCKET_TIME, "bucket", number).record(milliseconds(bucket.total()));
            timer(Meter.BUCKET_EXPOSED, "bucket", number).record(milliseconds(bucket.exposed()));
        }
    }

    private AtomicReference<Double> gauge(Meter meter) {
        AtomicReference<Double> value = new AtomicReference<>(Double.NaN);
        Gauge.builder(meter.id(), value, AtomicReference::get)
                .baseUnit(unit(meter))
                .description(meter.meaning())
                .strongReference(true)
                .register(registry);
        return value;
    }

    /** The registry makes a meter of a name and its tags once, and finds it again. */
    private Counter counter(Meter meter, String... tags) {
        return Counter.builder(meter.id())
                .tags(tags)
                .baseUnit(unit(meter))
                .description(meter.meaning())
                .register(registry);
    }

    private Timer timer(Meter meter, String... tags) {
        return Timer.builder(meter.id()).tags(tags).description(meter.meaning()).register(registry);
    }

    /** Micrometer takes null, not an empty text, for a number without a unit. */
    private static String unit(Meter meter) {
        return meter.unit().isEmpty() ? null : meter.unit();
    }

    private static Duration milliseconds(double value) {
        return Duration.ofNanos(Math.round(value * 1e6));
    }
}
