package tutti.deploy;

import static tutti.common.error.TuttiException.require;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tutti.common.config.TrainConfig.Backend;
import tutti.common.dataset.Datasets;
import tutti.worker.generate.Evaluation;
import tutti.worker.generate.TextModel;

/** {@code tutti eval}: loss, perplexity and exact match on conversations. */
@Command(
        name = "eval",
        description = "loss, perplexity and exact match on conversations",
        sortOptions = false,
        mixinStandardHelpOptions = true)
final class EvalCommand implements Callable<Integer> {
    private final PrintStream out;

    @Option(names = "--model", required = true, description = "folder in Hugging Face layout")
    private Path model;

    @Option(
            names = "--data_path",
            required = true,
            description = "files or folders of conversations, as tutti run reads them")
    private List<Path> data;

    @Option(
            names = "--chat_template",
            defaultValue = "",
            description = "as `tutti run` has it (default: the model folder's own, else vicuna_v1.1)")
    private String chatTemplate;

    @Option(names = "--limit", defaultValue = "1000", description = "most conversations to take (default: 1000)")
    private int limit;

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

    @Option(
            names = "--bf16",
            arity = "0..1",
            fallbackValue = "true",
            defaultValue = "false",
            description = "compute in bfloat16")
    private boolean bf16;

    @Option(names = "--backend", defaultValue = "auto", description = "torch, nd4j or reference (default: auto, torch)")
    private Backend backend;

    @Mixin
    private JsonFlag json;

    EvalCommand(PrintStream out) {
        this.out = out;
    }

    @Override
    public Integer call() throws JsonProcessingException {
        require(limit >= 1, "--limit=%d: at least 1", limit);
        require(maxNewTokens >= 1, "--max_new_tokens=%d: at least 1", maxNewTokens);
        int threads = TextModel.usefulThreads(model, System.getenv());
        try (TextModel text = initFromConfig
                ? TextModel.random(model, bf16, backend, threads, seed)
                : TextModel.load(model, bf16, backend, threads)) {
            Evaluation result = Evaluation.of(text, Datasets.load(data), chatTemplate, limit, maxNewTokens);
            if (json.given()) {
                out.println(new ObjectMapper().writeValueAsString(fields(result)));
            } else {
                print(result);
            }
            return 0;
        }
    }

    private Map<String, Object> fields(Evaluation result) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("loss", result.lossPerToken());
        fields.put("perplexity", result.perplexity());
        fields.put("exact_match", result.exactMatch());
        fields.put("exact", result.exact());
        fields.put("total", result.total());
        fields.put("answers", shown(result));
        return fields;
    }

    private List<Evaluation.Answer> shown(Evaluation result) {
        return result.answers().subList(0, Math.min(Math.max(0, samples), result.total()));
    }

    private void print(Evaluation result) {
        out.println(String.format(
                Locale.ROOT,
                "loss %.4f | perplexity %.2f | exact match %.1f %% (%d of %d)",
                result.lossPerToken(),
                result.perplexity(),
                100 * result.exactMatch(),
                result.exact(),
                result.total()));
        for (Evaluation.Answer answer : shown(result)) {
            out.println("  question: " + answer.question());
            out.println("  answer:   " + answer.given().strip()
                    + (answer.exact() ? "" : "   (wanted: " + answer.wanted() + ")"));
        }
    }
}
