package tutti.coordinator.run;

import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import tutti.common.checkpoint.Checkpoints;
import tutti.common.config.EvalConfig;
import tutti.common.config.EvalConfig.Best;
import tutti.common.metrics.EvalMetrics;
import tutti.common.protocol.WorkerReport.Evaluated;
import tutti.coordinator.ledger.Past;
import tutti.coordinator.ledger.RunLedger;
import tutti.coordinator.plan.RunPlan;

/**
 * How good the weights were, over all generations and coordinators of a run, and which checkpoint is the best. Every rank tells of an
 * evaluation, and tells it again in the next generation: the first to do so is heard. One of which nobody has told is due again where
 * its step is trained again, or begun from. Used by the run actor alone.
 */
final class Evaluations {
    private final EvalConfig config;
    private final RunLedger ledger;
    private final Announcer announcer;
    /** By the steps behind the weights. */
    private final TreeMap<Long, EvalMetrics> known = new TreeMap<>();
    /** Checkpoints that are there, by their steps. */
    private final Map<Long, Path> saved = new TreeMap<>();
    /** Steps of the final model, once it is chosen. */
    private OptionalLong chosen = OptionalLong.empty();

    /**
     * @param past what coordinators of this run before this one have left
     * @param resumedFrom the checkpoint that the run began from, or empty
     */
    Evaluations(EvalConfig config, Past past, String resumedFrom, RunLedger ledger, Announcer announcer) {
        this.config = config;
        this.ledger = ledger;
        this.announcer = announcer;
        if (config.loadBest() && !resumedFrom.isEmpty() && past.commits().isEmpty()) {
            announcer.note("the best model is looked for from %s on: evaluations before it are not known"
                    .formatted(Path.of(resumedFrom).getFileName()));
        }
        past.evaluations().forEach(found -> known.put(found.step(), found));
        Stream.concat(Stream.of(Path.of(resumedFrom), Path.of(past.resumedFrom())), past.commits().stream())
                .forEach(folder -> Checkpoints.stepOf(folder).ifPresent(step -> saved.put(step, folder)));
    }

    /** Is the state behind so many steps to be evaluated, and does nobody know what came of it? */
    boolean due(RunPlan plan, long completed) {
        return plan.evaluatesBehind(completed) && !known.containsKey(completed);
    }

    void add(Evaluated found) {
        if (known.containsKey(found.step())) {
            return;
        }
        double loss = found.lossSum() / found.labelledTokens();
        double seconds = found.millis() / 1e3;
        EvalMetrics metrics = new EvalMetrics(
                found.step(),
                found.epoch(),
                loss,
                Math.exp(loss),
                found.questions() == 0 ? null : (double) found.exact() / found.questions(),
                found.samples(),
                seconds,
                found.samples() / seconds);
        known.put(found.step(), metrics);
        ledger.evaluated(metrics);
        found.answers().forEach(answer -> ledger.answered(found.step(), answer));
        announcer.evaluated(metrics, found.answers());
    }

    void committed(Commits.Committed checkpoint) {
        saved.values().removeAll(checkpoint.deleted());
        saved.put(checkpoint.step(), checkpoint.folder());
    }

    /** Steps of the best checkpoint so far, which stays; empty where none is to be loaded. */
    OptionalLong best() {
        return config.loadBest()
                ? best(known.values().stream().filter(found -> saved.containsKey(found.step())))
                : OptionalLong.empty();
    }

    /**
     * Chooses the final model, and says so.
     *
     * @param total steps of the run, behind the weights that all hold
     * @return folder of its checkpoint; empty: it is what all hold
     */
    String conclude(long total) {
        long best = best(known.values().stream()
                        .filter(found -> found.step() == total || saved.containsKey(found.step())))
                .orElse(total);
        chosen = OptionalLong.of(best);
        String folder = best == total ? "" : saved.get(best).toString();
        ledger.happened("best_model_chosen", Map.of("step", best, "checkpoint", folder));
        announcer.note("the best model is that of step %,d (%s)%s"
                .formatted(best, value(known.get(best)), best == total ? ", the last one" : ": it is the final one"));
        return folder;
    }

    private String value(EvalMetrics found) {
        return config.best() == Best.EXACT_MATCH
                ? String.format(Locale.ROOT, "exact match %.1f %%", 100 * found.evalExactMatch())
                : String.format(Locale.ROOT, "eval loss %.4f", found.evalLoss());
    }

    /** The first of those that are equal; a loss that is no number is worse than any. */
    private OptionalLong best(Stream<EvalMetrics> candidates) {
        Function<EvalMetrics, Double> worse = found -> config.best() == Best.EXACT_MATCH
                ? -(found.evalExactMatch() == null ? 0 : found.evalExactMatch())
                : found.evalLoss();
        return candidates
                .min(Comparator.comparing(worse).thenComparing(EvalMetrics::step))
                .map(found -> OptionalLong.of(found.step()))
                .orElse(OptionalLong.empty());
    }

    /** First, best and last side by side; nothing where there are no two. */
    List<String> table() {
        if (known.size() < 2) {
            return List.of();
        }
        long best = chosen.orElseGet(() -> best(known.values().stream()).orElseThrow());
        List<EvalMetrics> columns = new TreeSet<>(List.of(known.firstKey(), best, known.lastKey()))
                .stream().map(known::get).toList();
        String head = columns.stream()
                .map(found -> "%18s".formatted("step " + found.step() + (found.step() == best ? " (best)" : "")))
                .collect(Collectors.joining());
        boolean exact = columns.stream().allMatch(found -> found.evalExactMatch() != null);
        return Stream.of(
                        "  %-24s"
                                        .formatted("on %d held-out samples"
                                                .formatted(columns.get(0).evalSamples()))
                                + head,
                        row("loss (nats a token)", columns, "%18.4f", EvalMetrics::evalLoss),
                        row("perplexity", columns, "%18.2f", EvalMetrics::evalPerplexity),
                        exact ? row("exact match", columns, "%16.1f %%", found -> 100 * found.evalExactMatch()) : "")
                .filter(line -> !line.isEmpty())
                .toList();
    }

    private static String row(
            String name, List<EvalMetrics> columns, String format, Function<EvalMetrics, Double> value) {
        return "  %-24s".formatted(name)
                + columns.stream()
                        .map(found -> String.format(Locale.ROOT, format, value.apply(found)))
                        .collect(Collectors.joining());
    }
}
