package tutti.worker.generate;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import tutti.common.dataset.Role;
import tutti.common.dataset.Turn;
import tutti.common.token.ChatEncoder;
import tutti.common.token.Tokenizer;
import tutti.worker.generate.Generator.End;
import tutti.worker.generate.Generator.Made;
import tutti.worker.generate.Generator.Request;

/** A conversation that remembers: each answer sees all turns before it, and their keys and values stay in the cache. Not thread-safe. */
public final class Chat {
    private final Tokenizer tokenizer;
    private final Generator generator;
    private final ChatEncoder encoder;
    private final Options options;
    private final List<Turn> turns = new ArrayList<>();

    /**
     * How answers are made.
     *
     * @param system first turn of every conversation; empty: none
     * @param stopStrings end an answer, and are not part of it
     */
    public record Options(String system, int maxNewTokens, Sampler sampler, List<String> stopStrings) {}

    /** What became of a turn. */
    public enum Outcome {
        ANSWERED,
        /** The answer has as many tokens as one may have. */
        CUT,
        /** The answer has filled the context. */
        FILLED,
        /** There was no room for an answer; the conversation is what it was before. */
        FULL
    }

    /** @param generator for one sequence; the caller's */
    public Chat(Tokenizer tokenizer, Generator generator, ChatEncoder encoder, Options options) {
        this.tokenizer = tokenizer;
        this.generator = generator;
        this.encoder = encoder;
        this.options = options;
        reset();
    }

    /** Forgets all but the system's turn. */
    public void reset() {
        turns.clear();
        if (!options.system().isEmpty()) {
            turns.add(new Turn(Role.SYSTEM, options.system()));
        }
    }

    /** @param out gets the answer piece by piece */
    public Outcome say(String words, Consumer<String> out) {
        turns.add(new Turn(Role.USER, words));
        int[] prompt = encoder.prompt(turns);
        if (prompt.length > generator.capacity()) {
            turns.remove(turns.size() - 1);
            return Outcome.FULL;
        }
        StringBuilder answer = new StringBuilder();
        GrowingText text = new GrowingText(tokenizer, options.stopStrings(), piece -> {
            answer.append(piece);
            out.accept(piece);
        });
        text.behind(prompt);
        Made made = generator.resume(
                new Request(prompt, options.sampler(), text::add), options.maxNewTokens(), tokenizer.stopIds());
        text.finish();
        turns.add(new Turn(Role.ASSISTANT, answer.toString().strip()));
        return outcome(made.end());
    }

    private static Outcome outcome(End end) {
        return switch (end) {
            case STOPPED -> Outcome.ANSWERED;
            case MAX_NEW_TOKENS -> Outcome.CUT;
            case CONTEXT_FULL -> Outcome.FILLED;
        };
    }
}
