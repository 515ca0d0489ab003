package tutti.common.config;

import static tutti.common.error.TuttiException.require;
import static tutti.common.error.TuttiException.user;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;

/**
 * What is evaluated while a run trains, when, and what follows from it.
 *
 * @param paths held-out files and folders, read as those of {@link DataConfig}; none: nothing is evaluated
 * @param steps optimizer steps between evaluations, read with {@link EvalStrategy#STEPS}
 * @param onStart before the first step, too
 * @param batchSize most sequences of one micro-batch
 * @param limit most samples, the first ones
 * @param exactMatch whether last questions are answered, and the answers compared
 * @param maxNewTokens of an answer
 * @param loadBest whether the final model is that of the best checkpoint
 * @param samplePrompts a prompt, or {@code @FILE} with one a line; empty: none
 */
public record EvalConfig(
        List<Path> paths,
        EvalStrategy strategy,
        long steps,
        boolean onStart,
        int batchSize,
        int limit,
        boolean exactMatch,
        Rule rule,
        int maxNewTokens,
        boolean loadBest,
        Best best,
        String samplePrompts) {
    private static final String EXACT_MATCH = "exact_match";
    private static final int MOST_NEW_TOKENS = 4096;

    /** When a run is evaluated. After its last step in any case but {@link #NO}. */
    public enum EvalStrategy {
        NO,
        STEPS,
        EPOCH
    }

    /** What of two answers is compared. */
    public enum Rule {
        /** What the format of the held-out samples has. */
        AUTO,
        TEXT,
        GSM8K,
        SQL
    }

    /** By what the best checkpoint is chosen. */
    public enum Best {
        /** Less is better. */
        LOSS,
        /** More is better. */
        EXACT_MATCH
    }

    public EvalConfig {
        paths = List.copyOf(paths);
        require(steps >= 1, "--eval_steps=%d: at least 1; --eval_strategy no evaluates nothing", steps);
        require(batchSize >= 1, "--per_device_eval_batch_size=%d: at least 1", batchSize);
        require(limit >= 1, "--eval_limit=%d: at least 1", limit);
        require(
                maxNewTokens >= 1 && maxNewTokens <= MOST_NEW_TOKENS,
                "--eval_max_new_tokens=%d: 1 to %d",
                maxNewTokens,
                MOST_NEW_TOKENS);
        boolean due = strategy != EvalStrategy.NO || onStart;
        require(
                !due || !paths.isEmpty(),
                "--%s: there is nothing to evaluate; give held-out samples with --eval_data_path",
                onStart
                        ? "eval_on_start True"
                        : "eval_strategy " + strategy.name().toLowerCase(Locale.ROOT));
        require(due || !exactMatch, "--eval_metric %s: nothing is evaluated; give --eval_data_path", EXACT_MATCH);
        require(
                due || samplePrompts.isEmpty(),
                "--sample_prompts: they are answered after each evaluation, and there is none; give --eval_data_path");
        require(
                !loadBest || strategy != EvalStrategy.NO,
                "--load_best_model_at_end: no checkpoint is evaluated; give --eval_data_path, and --eval_strategy as --save_strategy");
        require(
                !loadBest || best != Best.EXACT_MATCH || exactMatch,
                "--metric_for_best_model %s: it is not measured; add --eval_metric %s",
                EXACT_MATCH,
                EXACT_MATCH);
    }

    /** Is anything evaluated? */
    public boolean evaluates() {
        return strategy != EvalStrategy.NO || onStart;
    }

    /** Does the model answer anything? */
    public boolean answers() {
        return exactMatch || !samplePrompts.isEmpty();
    }

    /** The best of all that were evaluated can be loaded only if it was saved. */
    void requireCheckpoints(OutputConfig output) {
        if (!loadBest) {
            return;
        }
        require(
                strategy.name().equals(output.saveStrategy().name()),
                "--load_best_model_at_end: what is evaluated must be saved, but --eval_strategy is %s and --save_strategy %s; give both %s",
                strategy.name().toLowerCase(Locale.ROOT),
                output.saveStrategy().name().toLowerCase(Locale.ROOT),
                strategy.name().toLowerCase(Locale.ROOT));
        require(
                strategy != EvalStrategy.STEPS || output.saveSteps() % steps == 0,
                "--load_best_model_at_end: checkpoints that are not evaluated cannot be the best, and --save_steps=%d is no multiple of "
                        + "--eval_steps=%d; use --save_steps %d",
                output.saveSteps(),
                steps,
                steps);
    }

    static EvalConfig read(Settings settings) {
        List<Path> paths =
                settings.list(Keys.EVAL_DATA_PATH).stream().map(Path::of).toList();
        Set<String> metrics = new TreeSet<>(settings.list(Keys.EVAL_METRIC));
        metrics.remove("loss");
        boolean exactMatch = metrics.remove(EXACT_MATCH);
        require(metrics.isEmpty(), "--eval_metric=%s: not one of loss, %s", String.join(",", metrics), EXACT_MATCH);
        return new EvalConfig(
                paths,
                strategy(settings, paths),
                settings.integer(Keys.EVAL_STEPS),
                settings.flag(Keys.EVAL_ON_START),
                settings.int32(Keys.PER_DEVICE_EVAL_BATCH_SIZE),
                settings.int32(Keys.EVAL_LIMIT),
                exactMatch,
                settings.choice(Keys.EVAL_RULE, Rule.class),
                settings.int32(Keys.EVAL_MAX_NEW_TOKENS),
                settings.flag(Keys.LOAD_BEST_MODEL_AT_END),
                best(settings.text(Keys.METRIC_FOR_BEST_MODEL)),
                settings.text(Keys.SAMPLE_PROMPTS));
    }

    private static EvalStrategy strategy(Settings settings, List<Path> paths) {
        if (settings.text(Keys.EVAL_STRATEGY).equals(Keys.EVAL_STRATEGY.fallback())) {
            return paths.isEmpty() ? EvalStrategy.NO : EvalStrategy.EPOCH;
        }
        return settings.choice(Keys.EVAL_STRATEGY, EvalStrategy.class);
    }

    /** With or without the {@code eval_} that Trainer puts before a metric's name. */
    private static Best best(String metric) {
        return switch (metric.replaceFirst("^eval_", "")) {
            case "loss" -> Best.LOSS;
            case EXACT_MATCH -> Best.EXACT_MATCH;
            default ->
                throw user("--%s=%s: not one of eval_loss, %s", Keys.METRIC_FOR_BEST_MODEL.name(), metric, EXACT_MATCH);
        };
    }
}
