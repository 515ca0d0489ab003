package tutti.deploy;

import static tutti.common.error.TuttiException.require;

import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tutti.common.config.TrainConfig.Backend;
import tutti.common.dataset.Role;
import tutti.common.dataset.Turn;
import tutti.common.token.ChatEncoder;
import tutti.common.token.IncrementalDecoder;
import tutti.common.token.Tokenizer;
import tutti.worker.generate.Generator;
import tutti.worker.generate.Sampler;
import tutti.worker.generate.TextModel;

/** {@code tutti generate}: continues a text, or answers as an assistant, printing each piece as it comes. */
@Command(
        name = "generate",
        description = "decode from a model folder",
        sortOptions = false,
        mixinStandardHelpOptions = true)
final class GenerateCommand implements Callable<Integer> {
    private final PrintStream out;

    @Option(names = "--model", required = true, description = "folder in Hugging Face layout")
    private Path model;

    @Option(names = "--prompt", required = true, description = "text to continue, or with --chat a question to answer")
    private String prompt;

    @Option(
            names = "--chat",
            arity = "0..1",
            fallbackValue = "true",
            defaultValue = "false",
            description = "put the prompt into the vicuna_v1.1 conversation form; print the answer only")
    private boolean chat;

    @Option(names = "--temperature", defaultValue = "1", description = "0: greedy (default: 1)")
    private double temperature;

    @Option(names = "--top_k", defaultValue = "0", description = "sample from the so many likeliest; 0: all (default)")
    private int topK;

    @Option(
            names = "--top_p",
            defaultValue = "1",
            description = "sample from the smallest set this likely (default: 1)")
    private double topP;

    @Option(names = "--seed", defaultValue = "42", description = "seed of the sampling (default: 42)")
    private long seed;

    @Option(
            names = "--chat_template",
            defaultValue = "",
            description = "with --chat: as `tutti run` has it (default: the model folder's own, else vicuna_v1.1)")
    private String chatTemplate;

    @Option(names = "--max_new_tokens", defaultValue = "256", description = "most tokens to add (default: 256)")
    private int maxNewTokens;

    @Option(
            names = "--bf16",
            arity = "0..1",
            fallbackValue = "true",
            defaultValue = "false",
            description = "compute in bfloat16")
    private boolean bf16;

    @Option(names = "--backend", defaultValue = "auto", description = "torch, nd4j or reference (default: auto, torch)")
    private Backend backend;

    GenerateCommand(PrintStream out) {
        this.out = out;
    }

    @Override
    public Integer call() {
        require(maxNewTokens >= 1, "--max_new_tokens=%d: at least 1", maxNewTokens);
        Sampler sampler = new Sampler(temperature, topK, topP, new SplittableRandom(seed));
        int threads = TextModel.usefulThreads(model, System.getenv());
        try (TextModel text = TextModel.load(model, bf16, backend, threads);
                Generator generator = text.generator(text.config().maxPositions())) {
            Tokenizer tokenizer = text.tokenizer();
            IncrementalDecoder decoder = new IncrementalDecoder(tokenizer, true);
            int[] ids = chat
                    ? new ChatEncoder(tokenizer, chatTemplate).prompt(List.of(new Turn(Role.USER, prompt)))
                    : tokenizer.encode(prompt, true).ids();
            if (!chat) {
                for (int id : ids) {
                    out.print(decoder.next(id));
                }
            }
            generator.generate(ids, maxNewTokens, sampler, tokenizer.stopIds(), id -> {
                out.print(decoder.next(id));
                out.flush();
            });
            out.println(decoder.finish());
            return 0;
        }
    }
}
