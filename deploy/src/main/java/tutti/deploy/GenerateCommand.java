package tutti.deploy;

import static tutti.common.error.TuttiException.require;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tutti.common.dataset.Datasets;
import tutti.common.dataset.Role;
import tutti.common.dataset.Turn;
import tutti.common.token.ChatEncoder;
import tutti.common.token.Tokenizer;
import tutti.worker.generate.Generator;
import tutti.worker.generate.Generator.Request;
import tutti.worker.generate.GrowingText;
import tutti.worker.generate.Sampler;
import tutti.worker.generate.TextModel;

/** {@code tutti generate}: continues a text, or answers as an assistant, printing each piece as it comes; or does so for a file of prompts. */
@Command(
        name = "generate",
        description = "decode from a model folder",
        sortOptions = false,
        mixinStandardHelpOptions = true)
final class GenerateCommand implements Callable<Integer> {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final PrintStream out;

    @Option(names = "--prompt", description = "text to continue, or with --chat a question to answer")
    private String prompt;

    @Option(
            names = "--prompt_file",
            description =
                    "instead of --prompt: a text file with one a line, or JSON, CSV or Parquet with a field prompt; "
                            + "prints a JSON object with prompt and completion for each")
    private Path promptFile;

    @Option(
            names = "--batch_size",
            defaultValue = "8",
            description = "with --prompt_file: prompts that are continued side by side (default: 8)")
    private int batchSize;

    @Option(
            names = "--chat",
            arity = "0..1",
            fallbackValue = "true",
            defaultValue = "false",
            description = "ask the prompt as a user does, by the chat template; print the answer only")
    private boolean chat;

    @Option(
            names = "--chat_template",
            defaultValue = "",
            description = "with --chat: as `tutti run` has it (default: the model folder's own, else vicuna_v1.1)")
    private String chatTemplate;

    @Mixin
    private AnswerFlags answer;

    @Mixin
    private ModelFlags model;

    GenerateCommand(PrintStream out) {
        this.out = out;
    }

    @Override
    public Integer call() {
        require(
                prompt == null ^ promptFile == null,
                "--prompt TEXT or --prompt_file FILE is needed, and not both; `tutti chat` asks you");
        require(batchSize >= 1, "--batch_size=%d: at least 1", batchSize);
        answer.check();
        List<String> prompts = promptFile == null ? List.of(prompt) : Datasets.prompts(promptFile);
        try (TextModel text = model.load()) {
            List<int[]> ids = prompts.stream().map(one -> encode(text, one)).toList();
            int longest = ids.stream().mapToInt(one -> one.length).max().orElse(0);
            int most = text.config().maxPositions();
            require(
                    longest <= most,
                    "--prompt%s: %d tokens, more than the %d that the model takes",
                    promptFile == null ? "" : "_file " + promptFile,
                    longest,
                    most);
            int capacity = (int) Math.min(most, (long) longest + answer.maxNewTokens());
            try (Generator generator = text.generator(Math.min(batchSize, prompts.size()), capacity)) {
                if (promptFile == null) {
                    stream(text, generator, ids.get(0));
                } else {
                    all(text, generator, prompts, ids);
                }
            }
            return 0;
        }
    }

    private int[] encode(TextModel text, String one) {
        Tokenizer tokenizer = text.tokenizer();
        return chat
                ? new ChatEncoder(tokenizer, chatTemplate).prompt(List.of(new Turn(Role.USER, one)))
                : tokenizer.encode(one, true).ids();
    }

    private void stream(TextModel text, Generator generator, int[] ids) {
        GrowingText grown = new GrowingText(text.tokenizer(), answer.stops(), piece -> {
            out.print(piece);
            out.flush();
        });
        String before = grown.behind(ids);
        out.print(chat ? "" : before);
        Request request = new Request(ids, answer.sampler(), grown::add);
        generator.generate(
                List.of(request), answer.maxNewTokens(), text.tokenizer().stopIds());
        grown.finish();
        out.println();
    }

    private void all(TextModel text, Generator generator, List<String> prompts, List<int[]> ids) {
        Sampler sampler = answer.sampler();
        for (int from = 0; from < prompts.size(); from += batchSize) {
            List<Request> requests = new ArrayList<>();
            List<GrowingText> grown = new ArrayList<>();
            List<StringBuilder> completions = new ArrayList<>();
            for (int[] one : ids.subList(from, Math.min(prompts.size(), from + batchSize))) {
                StringBuilder completion = new StringBuilder();
                GrowingText growing = new GrowingText(text.tokenizer(), answer.stops(), completion::append);
                growing.behind(one);
                // In the order of the prompts: what is drawn for one does not depend on the size of the batch.
                requests.add(new Request(one, sampler.split(), growing::add));
                grown.add(growing);
                completions.add(completion);
            }
            generator.generate(requests, answer.maxNewTokens(), text.tokenizer().stopIds());
            grown.forEach(GrowingText::finish);
            for (int i = 0; i < completions.size(); i++) {
                out.println(json(prompts.get(from + i), completions.get(i).toString()));
            }
            out.flush();
        }
    }

    private static String json(String prompt, String completion) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("prompt", prompt);
        fields.put("completion", completion);
        try {
            return JSON.writeValueAsString(fields);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }
}
