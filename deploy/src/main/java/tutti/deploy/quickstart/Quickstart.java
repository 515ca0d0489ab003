package tutti.deploy.quickstart;

import static tutti.common.error.TuttiException.environment;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import tutti.common.config.RunConfig;
import tutti.common.config.Settings;
import tutti.common.config.TrainConfig.Backend;
import tutti.common.dataset.Datasets;
import tutti.common.dataset.Example;
import tutti.common.token.VicunaTemplate;
import tutti.worker.generate.Evaluator;
import tutti.worker.generate.TextModel;

/**
 * The newcomer's first run, from nothing to a model that answers.
 *
 * @param command how the person calls tutti, for the commands that are shown
 * @param clock nanoseconds
 */
public record Quickstart(Launcher launcher, PrintStream out, String command, LongSupplier clock) {
    private static final double NANOS = 1e9;
    /** Starts a run as {@code tutti run} does and waits for its end. */
    @FunctionalInterface
    public interface Launcher {
        /** @return the exit code of the run */
        int run(Settings settings, RunConfig config);
    }

    /**
     * @param root folder for everything; emptied first if an earlier quickstart wrote it
     * @param seed of the data, the first weights and the order of the samples
     * @return the exit code of the run; how well it learned does not count
     * @throws tutti.common.error.TuttiException (user, environment) if the folder cannot be used
     */
    public int run(Path root, int workers, long seed) {
        long begin = clock.getAsLong();
        QuickstartFolder folder = new QuickstartFolder(root);
        Map<String, String> flags = Recipe.flags(folder, workers, seed);
        Settings settings = Settings.of(flags, null);
        RunConfig config = RunConfig.read(settings);
        folder.prepare();
        Report report = new Report(out, command, folder);

        report.stage(1, "a data set and a model of our own making");
        SampleSplit samples = SampleSplit.draw(seed, Recipe.TRAIN_SAMPLES, Recipe.HELDOUT_SAMPLES);
        write(folder, samples);
        report.files(samples);

        int threads = TextModel.usefulThreads(folder.model(), System.getenv());
        report.stage(2, "what the untrained model answers");
        Scores before;
        TextModel.Engine engine = new TextModel.Engine(Backend.AUTO, true, threads);
        try (TextModel model = TextModel.random(folder.model(), engine, seed)) {
            before = score(folder, samples, model);
        }
        report.line(before);

        report.stage(3, "the run");
        report.command(flags);
        long start = clock.getAsLong();
        int exitCode = launcher.run(settings, config);
        if (exitCode != 0) {
            return exitCode;
        }
        double trained = (clock.getAsLong() - start) / NANOS;

        report.stage(4, "what the trained model answers");
        Scores after;
        try (TextModel model = TextModel.load(folder.run(), engine)) {
            after = score(folder, samples, model);
        }
        report.result(before, after, trained, (clock.getAsLong() - begin) / NANOS);
        return 0;
    }

    private static void write(QuickstartFolder folder, SampleSplit samples) {
        try {
            SampleSplit.write(folder.train(), "train-", samples.train());
            SampleSplit.write(folder.heldout(), "heldout-", samples.heldout());
            writeModel(folder.model(), samples);
        } catch (IOException e) {
            throw environment("--output_dir %s: cannot be written: %s", folder.root(), e);
        }
    }

    /** config.json and the tokenizer's files, for these samples in the chat's frame. */
    static void writeModel(Path folder, SampleSplit samples) throws IOException {
        Stream<String> frame = Stream.of(VicunaTemplate.SYSTEM, " USER:", "ASSISTANT:");
        TokenizerFiles tokenizer = TokenizerFiles.of(Stream.concat(frame, samples.texts()));
        tokenizer.write(folder);
        Recipe.writeConfig(folder, tokenizer.size());
    }

    private static Scores score(QuickstartFolder folder, SampleSplit samples, TextModel model) {
        Map<String, Sample.Kind> kinds =
                samples.heldout().stream().collect(Collectors.toMap(Sample::question, Sample::kind));
        List<Example> heldout = Datasets.load(List.of(folder.heldout()));
        try (Evaluator evaluator = new Evaluator(model, heldout, Recipe.EVALUATION)) {
            return new Scores(evaluator.all(), kinds);
        }
    }
}
