package tutti.deploy;

import static tutti.common.error.TuttiException.require;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import tutti.common.config.SampleConfig;
import tutti.common.config.Settings;
import tutti.common.dataset.DataPaths;
import tutti.common.dataset.Datasets;
import tutti.common.dataset.Example;
import tutti.common.dataset.Tokens;
import tutti.common.shard.Mixture;
import tutti.common.token.ExampleEncoder;
import tutti.common.token.TokenizedExample;
import tutti.common.token.Tokenizer;
import tutti.worker.model.LlamaConfig;

/**
 * {@code tutti data}: what a run would train on, for the flags of {@code tutti run}. Samples as the model gets them, with what is learned of
 * them; counts, lengths, duplicates and what is wrong with which.
 *
 * @param err gets what the flags without effect are answered
 * @param colours whether {@code out} is a terminal that shows them
 */
record DataCommand(PrintStream out, PrintStream err, boolean colours) {
    /** To people who do not say how many; JSON has all. */
    static final int SHOWN = 3;

    /** @param samples most of them that are shown, from the first; 0: the counts alone */
    int run(Settings settings, boolean json, int samples) {
        require(samples >= 0, "--samples=%d: at least 0", samples);
        SampleConfig run = SampleConfig.read(settings);
        // Not among the output, which may be JSON.
        settings.answers().forEach(answer -> err.println("tutti: note: " + answer));
        LlamaConfig model = LlamaConfig.read(run.model().folder());
        int maxLength = Math.min(run.model().maxLength(), model.maxPositions());
        Path folder = run.model().folder();
        DataPaths paths = DataPaths.of(run.data().paths());
        Optional<Tokenizer> tokenizer = Tokenizer.isIn(folder) ? Optional.of(Tokenizer.open(folder)) : Optional.empty();
        try {
            ExampleEncoder encoder = new ExampleEncoder(tokenizer, run.encoding(), maxLength, model.vocabulary());
            DataSummary summary = new DataSummary();
            int[] kept = new int[paths.files().size()];
            List<String> held = Datasets.read(paths.files(), run.data(), (file, format, example) -> {
                if (tokenizer.isEmpty() && !(example instanceof Tokens)) {
                    // Says what is missing.
                    Tokenizer.open(folder).close();
                }
                ExampleEncoder.Sample sample = encoder.describe(example);
                kept[file] += sample.kept() ? 1 : 0;
                if (summary.add(example, sample) > samples) {
                    return;
                }
                if (json) {
                    out.println(json(example, sample));
                } else {
                    show(example, sample, tokenizer);
                }
            });
            if (!json) {
                paths.notes(held).forEach(out::println);
                if (!encoder.template().isEmpty()) {
                    out.println("chat template: " + encoder.template());
                }
                summary.lines().forEach(out::println);
                weights(run, paths.sums(kept)).ifPresent(out::println);
            }
            return 0;
        } finally {
            tokenizer.ifPresent(Tokenizer::close);
        }
    }

    private static String json(Example example, ExampleEncoder.Sample sample) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("source", example.source());
        fields.put("text", sample.text());
        fields.put("input_ids", sample.example().inputIds());
        fields.put("labels", sample.example().labels());
        fields.put(
                "findings",
                sample.findings().stream()
                        .map(finding -> finding.name().toLowerCase(Locale.ROOT))
                        .toList());
        try {
            return new ObjectMapper().writeValueAsString(fields);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Optional<String> weights(SampleConfig run, int[] kept) {
        if (!run.batches().weighted()) {
            return Optional.empty();
        }
        // How many there are depends on no seed.
        Mixture mixture = new Mixture(run.data().paths(), kept, run.batches().weights(), false, 0);
        return Optional.of(mixture.describe("samples"));
    }

    private void show(Example example, ExampleEncoder.Sample sample, Optional<Tokenizer> tokenizer) {
        out.printf(
                "%s: %,d tokens, %,d learned%n",
                example.source(), sample.example().length(), sample.example().labelledTokens());
        out.println(tokenizer.map(one -> tokens(one, sample.example())).orElse("  (no tokenizer)"));
        out.println();
    }

    /** What is learned in green, or between brackets where there are no colours. */
    private String tokens(Tokenizer tokenizer, TokenizedExample sample) {
        StringBuilder shown = new StringBuilder();
        int from = 0;
        while (from < sample.length()) {
            boolean learned = sample.labels()[from] != TokenizedExample.IGNORED;
            int first = from;
            int to = IntStream.range(first, sample.length())
                    .filter(token -> (sample.labels()[token] != TokenizedExample.IGNORED) != learned)
                    .findFirst()
                    .orElse(sample.length());
            String text = tokenizer.decode(Arrays.copyOfRange(sample.inputIds(), from, to), false);
            shown.append(learned ? mark(text) : text);
            from = to;
        }
        return shown.toString().indent(2).stripTrailing();
    }

    private String mark(String text) {
        return colours ? "\u001b[32m" + text + "\u001b[0m" : "[[" + text + "]]";
    }
}
