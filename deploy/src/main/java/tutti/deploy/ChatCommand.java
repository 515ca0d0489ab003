package tutti.deploy;

import static tutti.common.error.TuttiException.environment;
import static tutti.common.error.TuttiException.require;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tutti.common.token.ChatEncoder;
import tutti.worker.generate.Chat;
import tutti.worker.generate.Generator;
import tutti.worker.generate.TextModel;

/** {@code tutti chat}: a conversation, a line for each turn, until the input ends. */
@Command(
        name = "chat",
        description = "talk to a model; /reset begins anew, /exit or the end of the input ends it",
        sortOptions = false,
        mixinStandardHelpOptions = true)
final class ChatCommand implements Callable<Integer> {
    /** A model of long texts would take memory for all of them. */
    private static final int USUAL_CONTEXT = 4096;

    private final InputStream in;
    private final PrintStream out;
    private final PrintStream err;
    private final boolean terminal;

    @Option(names = "--system", defaultValue = "", description = "what the conversation begins with, as the system")
    private String system;

    @Option(
            names = "--chat_template",
            defaultValue = "",
            description = "as `tutti run` has it (default: the model folder's own, else vicuna_v1.1)")
    private String chatTemplate;

    @Option(
            names = "--model_max_length",
            defaultValue = "" + USUAL_CONTEXT,
            description =
                    "most tokens of the conversation, if the model takes so many (default: " + USUAL_CONTEXT + ")")
    private int maxLength;

    @Mixin
    private AnswerFlags answer;

    @Mixin
    private ModelFlags model;

    /**
     * @param err gets what is said about the conversation
     * @param terminal whether a person types, who is shown when to
     */
    ChatCommand(InputStream in, PrintStream out, PrintStream err, boolean terminal) {
        this.in = in;
        this.out = out;
        this.err = err;
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        answer.check();
        require(maxLength >= 2, "--model_max_length=%d: at least 2", maxLength);
        Chat.Options options = new Chat.Options(system, answer.maxNewTokens(), answer.sampler(), answer.stops());
        try (TextModel text = model.load();
                Generator generator =
                        text.generator(Math.min(maxLength, text.config().maxPositions()))) {
            ChatEncoder encoder = new ChatEncoder(text.tokenizer(), chatTemplate);
            talk(new Chat(text.tokenizer(), generator, encoder, options), generator.capacity());
            return 0;
        } catch (IOException e) {
            throw environment("standard input cannot be read: %s", e.getMessage());
        }
    }

    private void talk(Chat chat, int capacity) throws IOException {
        BufferedReader turns = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
        for (String turn = next(turns); turn != null && !turn.equals("/exit"); turn = next(turns)) {
            if (turn.equals("/reset")) {
                chat.reset();
            } else if (!turn.isEmpty()) {
                say(chat, turn, capacity);
            }
        }
    }

    /** Null at the end. */
    private String next(BufferedReader turns) throws IOException {
        if (terminal) {
            out.print("> ");
            out.flush();
        }
        String line = turns.readLine();
        return line == null ? null : line.strip();
    }

    private void say(Chat chat, String turn, int capacity) {
        Chat.Outcome outcome = chat.say(turn, piece -> {
            out.print(piece);
            out.flush();
        });
        if (outcome != Chat.Outcome.FULL) {
            out.println();
            out.flush();
        }
        switch (outcome) {
            case ANSWERED -> {}
            case CUT -> note("the answer is cut at --max_new_tokens=%d".formatted(answer.maxNewTokens()));
            case FILLED -> note("the context of %d tokens is full; /reset begins anew".formatted(capacity));
            case FULL ->
                note(
                        "not answered: with this the conversation has more than the %d tokens of its context; /reset begins anew"
                                .formatted(capacity));
        }
    }

    private void note(String text) {
        err.println("tutti: note: " + text);
        err.flush();
    }
}
