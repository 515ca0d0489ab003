package tutti.deploy;

import static tutti.common.error.TuttiException.require;

import java.io.PrintStream;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tutti.common.config.SampleConfig;
import tutti.common.dataset.Datasets;
import tutti.common.dataset.Example;
import tutti.common.token.Questions;
import tutti.deploy.agent.ChildCommand;
import tutti.deploy.agent.ParentWatch;
import tutti.deploy.agent.Patience;
import tutti.deploy.agent.RankGroup;
import tutti.worker.generate.AnswerRule;
import tutti.worker.generate.Evaluator;
import tutti.worker.generate.Metric;
import tutti.worker.generate.TextModel;

/** {@code tutti eval}: how good a model is on samples, computed here or by several processes. */
@Command(
        name = "eval",
        description = "loss, perplexity and exact match of answers on samples",
        sortOptions = false,
        mixinStandardHelpOptions = true)
final class EvalCommand implements Callable<Integer> {
    private final PrintStream out;
    private final PrintStream err;

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--metric",
            split = ",",
            description = "perplexity, exact_match (default: both, where the samples ask something)")
    private Set<Metric> metrics = Set.of();

    @Option(
            names = "--rule",
            description =
                    "when an answer is exact: text (the same but for white space around it), gsm8k (the same number), "
                            + "sql (the same but for case and spacing); default: that of the data's format, else text")
    private AnswerRule rule;

    @Option(names = "--limit", defaultValue = "1000", description = "most samples to take (default: 1000)")
    private int limit;

    @Option(names = "--batch_size", defaultValue = "8", description = "samples computed side by side (default: 8)")
    private int batchSize;

    @Option(
            names = "--nproc_per_node",
            defaultValue = "1",
            description = "processes of this machine that share the samples (default: 1)")
    private int processes;

    @Option(names = "--seat", hidden = true)
    private String seat;

    @Option(
            names = "--model_max_length",
            description =
                    "most tokens of a sample, or of a prompt with its answer (default: as many as the model takes)")
    private int maxLength = Integer.MAX_VALUE;

    @Option(names = "--max_new_tokens", defaultValue = "64", description = "longest answer (default: 64)")
    private int maxNewTokens;

    @Option(names = "--samples", defaultValue = "3", description = "answers to show (default: 3)")
    private int samples;

    @Option(
            names = "--init_from_config",
            arity = "0..1",
            fallbackValue = "true",
            defaultValue = "false",
            description = "random weights, as a run with --init_from_config starts from")
    private boolean initFromConfig;

    @Option(names = "--seed", defaultValue = "42", description = "seed of random weights (default: 42)")
    private long seed;

    @Mixin
    private ModelFlags model;

    @Mixin
    private JsonFlag json;

    private EvalCommand(PrintStream out, PrintStream err) {
        this.out = out;
        this.err = err;
    }

    static CommandLine commandLine(PrintStream out, PrintStream err) {
        CommandLine command = new CommandLine(new EvalCommand(out, err));
        DataFlags.addTo(command.getCommandSpec());
        return command;
    }

    @Override
    public Integer call() {
        if (seat != null) {
            ParentWatch.start();
        }
        require(limit >= 1, "--limit=%d: at least 1", limit);
        require(batchSize >= 1, "--batch_size=%d: at least 1", batchSize);
        require(maxNewTokens >= 1, "--max_new_tokens=%d: at least 1", maxNewTokens);
        require(maxLength >= 2, "--model_max_length=%d: at least 2", maxLength);
        require(processes >= 1, "--nproc_per_node=%d: at least 1", processes);
        SampleConfig config = DataFlags.read(spec.commandLine().getParseResult(), model.folder());
        Datasets.Loaded loaded = Datasets.first(config.data(), limit);
        List<Example> taken = loaded.examples();
        Set<Metric> measured = measured(taken);
        Evaluator.Options options = new Evaluator.Options(
                measured,
                rule == null ? AnswerRule.of(loaded.formats()) : rule,
                config.encoding(),
                batchSize,
                maxLength,
                maxNewTokens);
        if (seat != null) {
            EvalRanks.Seat mine = EvalRanks.Seat.of(seat);
            try (TextModel text = open(mine.rank(), mine.worldSize());
                    Evaluator evaluator = new Evaluator(text, taken, options)) {
                EvalRanks.compute(mine, evaluator, out);
            }
            return 0;
        }
        EvalRanks.Outcome outcome = processes == 1 ? here(taken, options) : shared(taken);
        outcome.evaluation()
                .map(evaluation -> new EvalReport(evaluation, options, taken.size(), samples))
                .ifPresent(report -> {
                    report.notes().forEach(note -> err.println("tutti: note: " + note));
                    out.println(json.given() ? report.json() : report.text());
                });
        return outcome.exitCode();
    }

    /** What was asked for; by default what the samples have. */
    private Set<Metric> measured(List<Example> taken) {
        long asking = taken.stream().filter(Questions::asks).count();
        require(
                asking > 0 || !metrics.contains(Metric.EXACT_MATCH),
                "--metric exact_match: none of the %,d samples asks something that is answered (plain text and token ids do not); "
                        + "--metric perplexity takes them",
                taken.size());
        Set<Metric> wanted = metrics.isEmpty() ? Set.of(Metric.values()) : metrics;
        boolean first = seat == null;
        if (first && wanted.contains(Metric.EXACT_MATCH) && asking < taken.size()) {
            err.println(
                    "tutti: note: %,d of %,d samples ask nothing that is answered (plain text and token ids do not): %s"
                            .formatted(
                                    taken.size() - asking,
                                    taken.size(),
                                    asking == 0 ? "perplexity only" : "they count for perplexity only"));
        }
        return wanted.stream()
                .filter(metric -> metric != Metric.EXACT_MATCH || asking > 0)
                .collect(Collectors.toSet());
    }

    private EvalRanks.Outcome here(List<Example> taken, Evaluator.Options options) {
        try (TextModel text = open(0, 1);
                Evaluator evaluator = new Evaluator(text, taken, options)) {
            return new EvalRanks.Outcome(0, Optional.of(evaluator.all()));
        }
    }

    private EvalRanks.Outcome shared(List<Example> taken) {
        boolean verbose = spec.commandLine().getParseResult().hasMatchedOption(Tutti.VERBOSE);
        ChildCommand command = ChildCommand.sameJava(Tutti.class, verbose, System.getenv());
        List<String> words = spec.commandLine().getParseResult().originalArgs();
        int batches = (taken.size() + batchSize - 1) / batchSize;
        return new EvalRanks(new RankGroup(command, Patience.USUAL, err)).run(processes, words, batches);
    }

    private TextModel open(int rank, int worldSize) {
        TextModel.Engine engine = model.engine(rank, worldSize);
        return initFromConfig ? TextModel.random(model.folder(), engine, seed) : TextModel.load(model.folder(), engine);
    }
}
