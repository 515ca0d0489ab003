package tutti.deploy.bench;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import tutti.common.metrics.StepMetrics;
import tutti.deploy.doctor.Machine;
import tutti.worker.tensor.DType;

/**
 * What {@code tutti bench step} prints, as JSON in snake_case or as a table.
 *
 * @param parameters weights of the model; a tied head counts once
 * @param worldSize workers
 * @param batch sequences of one worker's step
 * @param sequence tokens of a sequence
 * @param dtype of the matrix products
 * @param threads of one worker
 * @param tokensPerSecond tokens of all ranks in the timed steps, divided by the wall time of those steps
 * @param stepMs wall time of a step on its slowest rank
 * @param phasesMs median of each part of a step over the steps, on the step's slowest rank
 * @param gflops 6 times parameters times tokens per second, in GFLOP/s: the products of forward and backward without attention
 *     and without recomputation (Kaplan et al. 2020)
 * @param matmulCeilingGflops of all workers at once, measured before and after the run; the larger
 * @param mfu model FLOP/s utilisation, gflops / matmulCeilingGflops (Chowdhery et al. 2022)
 * @param plannedPeakBytes of the largest worker, or null if the run did not say
 * @param measuredPeakBytes of the largest worker, or null if the run did not say
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record StepResult(
        String shape,
        long parameters,
        int worldSize,
        int batch,
        int sequence,
        String dtype,
        String checkpointing,
        String backend,
        int threads,
        String machine,
        int steps,
        int warmup,
        double tokensPerSecond,
        Spread stepMs,
        Map<String, Double> phasesMs,
        double gflops,
        double matmulCeilingGflops,
        double mfu,
        Long plannedPeakBytes,
        Long measuredPeakBytes) {
    /** Bytes of the largest worker, or null if the run did not say. */
    record Peaks(Long planned, Long measured) {}

    private static final double FLOPS_PER_WEIGHT_AND_TOKEN = 6;

    /**
     * @param checkpointing the word of the policy
     * @param timed steps after the warm-up, all of the same size
     */
    static StepResult of(
            StepBench.Options options,
            String checkpointing,
            String backend,
            DType compute,
            int threads,
            List<StepMetrics> timed,
            double ceiling,
            Peaks peaks) {
        if (timed.size() != options.steps()) {
            throw new IllegalStateException(
                    "metrics.jsonl has %d timed steps, expected %d".formatted(timed.size(), options.steps()));
        }
        double seconds = timed.stream().mapToDouble(StepMetrics::stepMs).sum() / 1e3;
        double tokens = (double) options.workers() * options.batch() * options.sequence() * timed.size();
        long parameters = options.shape().parameters();
        double gflops = FLOPS_PER_WEIGHT_AND_TOKEN * parameters * tokens / seconds / 1e9;
        return new StepResult(
                options.shape().name(),
                parameters,
                options.workers(),
                options.batch(),
                options.sequence(),
                compute.name().toLowerCase(Locale.ROOT),
                checkpointing,
                backend,
                threads,
                Machine.here().processor(),
                options.steps(),
                options.warmup(),
                tokens / seconds,
                spread(timed, StepMetrics::stepMs),
                phases(timed),
                gflops,
                ceiling,
                gflops / ceiling,
                peaks.planned(),
                peaks.measured());
    }

    private static Map<String, Double> phases(List<StepMetrics> steps) {
        Map<String, Double> phases = new LinkedHashMap<>();
        phases.put("data", spread(steps, StepMetrics::dataMs).median());
        phases.put("forward", spread(steps, StepMetrics::forwardMs).median());
        phases.put("recompute", spread(steps, StepMetrics::recomputeMs).median());
        phases.put("backward", spread(steps, StepMetrics::backwardMs).median());
        phases.put(
                "allreduce_exposed",
                spread(steps, StepMetrics::allreduceExposedMs).median());
        phases.put("clip", spread(steps, StepMetrics::clipMs).median());
        phases.put("optimizer", spread(steps, StepMetrics::optimizerMs).median());
        return phases;
    }

    private static Spread spread(List<StepMetrics> steps, ToDoubleFunction<StepMetrics> value) {
        return Spread.of(steps.stream().map(value::applyAsDouble).toList());
    }

    /** For people. */
    public String table() {
        StringBuilder text = new StringBuilder();
        line(text, "%s: %,d parameters, %s on %s, checkpointing %s", shape, parameters, dtype, backend, checkpointing);
        line(text, "%d x %d threads on %s", worldSize, threads, machine);
        line(text, "%d steps after %d, each %d x %d sequences of %d", steps, warmup, worldSize, batch, sequence);
        line(text, "");
        line(text, "tokens/s      %,10.0f", tokensPerSecond);
        line(text, "step          %,10.1f ms   (%,.1f to %,.1f)", stepMs.median(), stepMs.min(), stepMs.max());
        phasesMs.forEach((name, ms) ->
                line(text, "  %-18s %,5.1f ms   %4.1f %%", name.replace('_', ' '), ms, 100 * ms / stepMs.median()));
        line(text, "GFLOP/s       %,10.0f      (6 x parameters x tokens/s)", gflops);
        line(text, "ceiling       %,10.0f      (matmul alone, all workers at once)", matmulCeilingGflops);
        line(text, "MFU           %10.1f %%", 100 * mfu);
        line(text, "planned peak  %10s", memory(plannedPeakBytes));
        line(text, "measured peak %10s", memory(measuredPeakBytes));
        return text.toString();
    }

    private static String memory(Long bytes) {
        return bytes == null ? "not told" : "%,d MiB".formatted(bytes >> 20);
    }

    private static void line(StringBuilder text, String format, Object... args) {
        text.append(String.format(Locale.ROOT, format, args).stripTrailing()).append(System.lineSeparator());
    }
}
