package tutti.common.token;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import tutti.common.dataset.Example;
import tutti.common.dataset.Tokens;
import tutti.common.error.TuttiException;

/**
 * Examples to ids and labels by FastChat's rules: only the assistant's words and the end token after them are learned, long
 * samples lose their tail. What it cuts or drops is counted and named.
 */
public final class ExampleEncoder {
    private static final int NAMES_KEPT = 5;

    private final Optional<Tokenizer> tokenizer;
    private final int maxLength;
    private final int modelVocabulary;

    /**
     * @param tokenizer may be absent where every sample is tokenised already
     * @param maxLength {@code --model_max_length}, in tokens, at least 2
     * @param modelVocabulary rows of the model's embedding table; an id beyond it is refused
     */
    public ExampleEncoder(Optional<Tokenizer> tokenizer, int maxLength, int modelVocabulary) {
        TuttiException.require(
                maxLength >= 2, "--model_max_length=%d: needs at least 2, one token predicts the next", maxLength);
        this.tokenizer = tokenizer;
        this.maxLength = maxLength;
        this.modelVocabulary = modelVocabulary;
    }

    /** @param examples those with something to learn, in the order of the samples */
    public record Result(List<TokenizedExample> examples, EncodeReport report) {}

    /** Encodes all. If nothing to learn remains, that is a DATA failure. */
    public Result encodeAll(List<Example> samples) {
        List<TokenizedExample> kept = new ArrayList<>(samples.size());
        List<String> droppedNames = new ArrayList<>();
        int truncated = 0;
        long labelled = 0;
        long total = 0;
        for (Example sample : samples) {
            TokenizedExample full = encodeFully(sample);
            TokenizedExample example = truncate(full);
            truncated += example.length() < full.length() ? 1 : 0;
            if (example.labelledTokens() == 0) {
                droppedNames.add(sample.source());
                continue;
            }
            kept.add(example);
            labelled += example.labelledTokens();
            total += example.length();
        }
        int dropped = droppedNames.size();
        List<String> names = droppedNames.subList(0, Math.min(NAMES_KEPT, dropped));
        if (kept.isEmpty()) {
            throw TuttiException.data(
                    "none of %d samples has a token to learn within --model_max_length=%d (%d were truncated; first: %s);"
                            + " raise it, or check that the data has answers",
                    samples.size(), maxLength, truncated, names);
        }
        return new Result(
                List.copyOf(kept), new EncodeReport(samples.size(), truncated, dropped, names, labelled, total));
    }

    /** One sample, truncated; it may have nothing to learn. */
    public TokenizedExample encode(Example sample) {
        return truncate(encodeFully(sample));
    }

    private TokenizedExample encodeFully(Example sample) {
        TokenizedExample example;
        if (sample instanceof Tokens tokens) {
            example = new TokenizedExample(tokens.inputIds(), tokens.labels());
        } else {
            example = encodeText(sample);
        }
        check(sample, "input_ids", example.inputIds());
        check(sample, "labels", example.labels());
        return example;
    }

    private TokenizedExample encodeText(Example sample) {
        ChatEncoder chat = new ChatEncoder(tokenizer.orElseThrow());
        Rendered rendered = chat.render(sample);
        Encoded encoded = chat.encode(rendered);
        int[] labels = new int[encoded.length()];
        Arrays.fill(labels, TokenizedExample.IGNORED);
        if (rendered.learnable()) {
            int token = 0;
            for (Rendered.Answer answer : rendered.answers()) {
                // A token that begins before the answer (": " in one piece) is the template's, not the assistant's.
                while (encoded.start()[token] < answer.start() && !chat.isEndOf(encoded, token, answer)) {
                    token++;
                }
                boolean ended = false;
                while (!ended) {
                    labels[token] = answer.learned() ? encoded.ids()[token] : TokenizedExample.IGNORED;
                    ended = chat.isEndOf(encoded, token, answer);
                    token++;
                }
            }
        }
        return new TokenizedExample(encoded.ids(), labels);
    }

    private void check(Example sample, String what, int[] ids) {
        for (int i = 0; i < ids.length; i++) {
            boolean ignored = ids[i] == TokenizedExample.IGNORED && what.equals("labels");
            if (!ignored && (ids[i] < 0 || ids[i] >= modelVocabulary)) {
                throw TuttiException.data(
                        "%s: %s[%d] is %d, the model's vocabulary has %d tokens; were data and tokenizer made for this model?",
                        sample.source(), what, i, ids[i], modelVocabulary);
            }
        }
    }

    private TokenizedExample truncate(TokenizedExample example) {
        return example.length() <= maxLength
                ? example
                : new TokenizedExample(
                        Arrays.copyOf(example.inputIds(), maxLength), Arrays.copyOf(example.labels(), maxLength));
    }
}
