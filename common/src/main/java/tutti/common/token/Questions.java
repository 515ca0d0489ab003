package tutti.common.token;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import tutti.common.config.EncodingConfig;
import tutti.common.config.EncodingConfig.OverLength;
import tutti.common.config.EncodingConfig.TrainOn;
import tutti.common.dataset.Completion;
import tutti.common.dataset.Conversation;
import tutti.common.dataset.Example;
import tutti.common.dataset.Turn;

/** Makes questions of samples: how a prompt goes on, or the last answer of a conversation. Samples that are too long are asked whole. */
public final class Questions {
    private final Tokenizer tokenizer;
    private final ExampleEncoder encoder;

    /** @param template as {@code --chat_template} has it */
    public Questions(Tokenizer tokenizer, String template, int vocabulary) {
        this.tokenizer = tokenizer;
        EncodingConfig lastAnswer = new EncodingConfig(template, TrainOn.COMPLETION, OverLength.TRUNCATE);
        this.encoder = new ExampleEncoder(Optional.of(tokenizer), lastAnswer, Integer.MAX_VALUE, vocabulary);
    }

    /** Can an answer to it be compared? Not of running text, token ids, and conversations without an answer to something. */
    public static boolean asks(Example sample) {
        return lastAnswer(sample).isPresent();
    }

    /** In the order of those samples that ask. */
    public List<Question> of(List<Example> samples) {
        return samples.stream().flatMap(sample -> of(sample).stream()).toList();
    }

    /** Empty where nothing is asked, or the question or its answer has no token. */
    public Optional<Question> of(Example sample) {
        return lastAnswer(sample).flatMap(this::question);
    }

    /** @param wanted empty: what the template makes of the answer, which calls tools */
    private record Asked(String text, Example upToItsAnswer, Optional<String> wanted) {}

    private Optional<Question> question(Asked asked) {
        TokenizedExample tokens = encoder.encode(asked.upToItsAnswer());
        int[] learned = IntStream.range(1, tokens.length())
                .filter(i -> tokens.labels()[i] != TokenizedExample.IGNORED)
                .toArray();
        if (learned.length == 0) {
            return Optional.empty();
        }
        return Optional.of(new Question(
                asked.text(),
                Arrays.copyOf(tokens.inputIds(), learned[0]),
                asked.wanted().orElseGet(() -> decoded(tokens, learned))));
    }

    /** As a model's own answer is read: up to its end. */
    private String decoded(TokenizedExample tokens, int[] learned) {
        int[] answer = IntStream.of(learned)
                .map(i -> tokens.inputIds()[i])
                .takeWhile(id -> !tokenizer.stopIds().contains(id))
                .toArray();
        return tokenizer.decode(answer, true);
    }

    private static Optional<Asked> lastAnswer(Example sample) {
        if (sample instanceof Completion completion) {
            return Optional.of(new Asked(completion.prompt(), completion, Optional.of(completion.completion())));
        }
        if (!(sample instanceof Conversation chat)) {
            return Optional.empty();
        }
        List<Turn> turns = chat.turns();
        int last = chat.lastAnswer();
        if (last < 1) {
            return Optional.empty();
        }
        List<Turn> asked = new ArrayList<>(turns.subList(0, last));
        // It is asked for even if training would not learn it.
        Turn answer = turns.get(last).withLearned(true);
        asked.add(answer);
        return Optional.of(new Asked(
                turns.get(last - 1).text(),
                new Conversation(chat.source(), asked, chat.tools()),
                Optional.of(answer.text()).filter(text -> answer.messages().isEmpty())));
    }
}
