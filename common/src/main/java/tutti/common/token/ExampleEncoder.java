package tutti.common.token;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import tutti.common.config.EncodingConfig;
import tutti.common.config.EncodingConfig.OverLength;
import tutti.common.config.EncodingConfig.TrainOn;
import tutti.common.dataset.Conversation;
import tutti.common.dataset.Example;
import tutti.common.dataset.Tokens;
import tutti.common.dataset.Turn;
import tutti.common.error.TuttiException;

/**
 * Examples to ids and labels by FastChat's rules: only the assistant's words and the end token after them are learned, long
 * samples lose their tail. What it cuts or drops is counted and named.
 */
public final class ExampleEncoder {
    private final Optional<Tokenizer> tokenizer;
    private final EncodingConfig options;
    private final int maxLength;
    private final int modelVocabulary;
    private final Optional<ChatEncoder> chat;
    private final Optional<TemplateMarkers> markers;

    /** As usual: see {@link EncodingConfig#USUAL}. */
    public ExampleEncoder(Optional<Tokenizer> tokenizer, int maxLength, int modelVocabulary) {
        this(tokenizer, EncodingConfig.USUAL, maxLength, modelVocabulary);
    }

    /**
     * @param tokenizer may be absent where every sample is tokenised already
     * @param maxLength {@code --model_max_length}, in tokens, at least 2
     * @param modelVocabulary rows of the model's embedding table; an id beyond it is refused
     */
    public ExampleEncoder(Optional<Tokenizer> tokenizer, EncodingConfig options, int maxLength, int modelVocabulary) {
        TuttiException.require(
                maxLength >= 2, "--model_max_length=%d: needs at least 2, one token predicts the next", maxLength);
        this.tokenizer = tokenizer;
        this.options = options;
        this.maxLength = maxLength;
        this.modelVocabulary = modelVocabulary;
        this.chat = tokenizer.map(one -> new ChatEncoder(one, options.chatTemplate()));
        this.markers = tokenizer.map(TemplateMarkers::new);
    }

    /** The template of chats, for people; empty without a tokenizer. */
    public String template() {
        return chat.map(ChatEncoder::templateName).orElse("");
    }

    /** @param examples those with something to learn, in the order of the samples */
    public record Result(List<TokenizedExample> examples, EncodeReport report) {}

    /**
     * One sample.
     *
     * @param text as rendered, or as its tokens read
     * @param example cut to the maximum length
     */
    public record Sample(String text, TokenizedExample example, Set<Finding> findings) {
        /** Is it trained on? */
        public boolean kept() {
            return !findings.contains(Finding.NOTHING_LEARNED) && !findings.contains(Finding.TOO_LONG);
        }
    }

    /** Encodes all, and holds them all in memory. If nothing to learn remains, that is a DATA failure. */
    public Result encodeAll(List<Example> samples) {
        List<TokenizedExample> kept = new ArrayList<>(samples.size());
        EncodeTally tally = new EncodeTally();
        for (Example one : samples) {
            Sample sample = describe(one);
            if (tally.add(one.source(), sample)) {
                kept.add(sample.example());
            }
        }
        return new Result(List.copyOf(kept), tally.report(maxLength));
    }

    /** One sample, truncated; it may have nothing to learn. */
    public TokenizedExample encode(Example sample) {
        return describe(sample).example();
    }

    /** As {@link #encode}, with what there is to say of it. */
    public Sample describe(Example sample) {
        TokenizedExample full;
        String text;
        boolean ends;
        Set<Finding> findings = EnumSet.noneOf(Finding.class);
        if (sample instanceof Tokens tokens) {
            full = new TokenizedExample(tokens.inputIds(), tokens.labels());
            text = tokenizer.map(one -> one.decode(tokens.inputIds(), false)).orElse("");
            ends = endsAsItLearns(full);
            if (learnsPadding(full)) {
                findings.add(Finding.PADDING_LEARNED);
            }
        } else {
            boolean all = options.trainOn() == TrainOn.ALL;
            Rendered rendered = chat.orElseThrow().render(onlyWhatIsAskedFor(sample), all);
            Encoded encoded = chat.get().encode(rendered);
            full = new TokenizedExample(encoded.ids(), new Labels(chat.get(), all, rendered).of(encoded));
            text = rendered.text();
            ends = endsAsItLearns(full)
                    && (all || Labels.eachEnds(full, tokenizer.get().stopIds()));
            if (sample instanceof Conversation turns && !markers.orElseThrow().allKnown(text, turns)) {
                findings.add(Finding.UNKNOWN_MARKER);
            }
        }
        check(sample, "input_ids", full.inputIds());
        check(sample, "labels", full.labels());
        if (!ends) {
            findings.add(Finding.END_NOT_LEARNED);
        }
        if (beginsTwice(full.inputIds())) {
            findings.add(Finding.DOUBLED_BOS);
        }
        TokenizedExample fit = fit(sample, full, findings);
        if (fit.labelledTokens() == 0) {
            findings.add(Finding.NOTHING_LEARNED);
        }
        return new Sample(text, fit, findings);
    }

    private Example onlyWhatIsAskedFor(Example sample) {
        if (options.trainOn() != TrainOn.COMPLETION || !(sample instanceof Conversation chat)) {
            return sample;
        }
        List<Turn> turns = new ArrayList<>(chat.turns());
        int last = chat.lastAnswer();
        for (int turn = 0; turn < turns.size(); turn++) {
            turns.set(turn, turn == last ? turns.get(turn) : turns.get(turn).withLearned(false));
        }
        return new Conversation(chat.source(), turns, chat.tools());
    }

    /** An end token behind the last one that is learned is learned, too, whatever padding follows it. */
    private boolean endsAsItLearns(TokenizedExample sample) {
        int end = lastLearned(sample) + 1;
        boolean masked = end > 0 && end < sample.length() && stops(sample.inputIds()[end]);
        return !masked || stops(sample.inputIds()[end - 1]);
    }

    /** Nothing follows an end token but padding, whichever of the two tokens that is. */
    private boolean learnsPadding(TokenizedExample sample) {
        int last = lastLearned(sample);
        if (last < 1 || sample.labels()[last - 1] == TokenizedExample.IGNORED) {
            return false;
        }
        int id = sample.inputIds()[last];
        return stops(id) ? sample.inputIds()[last - 1] == id : pads(id);
    }

    private boolean pads(int id) {
        OptionalInt pad = tokenizer.map(Tokenizer::padId).orElse(OptionalInt.empty());
        return pad.isPresent() && pad.getAsInt() == id;
    }

    private boolean stops(int id) {
        return tokenizer.isPresent() && tokenizer.get().stopIds().contains(id);
    }

    private static int lastLearned(TokenizedExample sample) {
        int last = sample.length() - 1;
        while (last >= 0 && sample.labels()[last] == TokenizedExample.IGNORED) {
            last--;
        }
        return last;
    }

    private boolean beginsTwice(int[] ids) {
        OptionalInt bos = tokenizer.map(Tokenizer::bosId).orElse(OptionalInt.empty());
        return bos.isPresent() && ids.length > 1 && ids[0] == bos.getAsInt() && ids[1] == bos.getAsInt();
    }

    private TokenizedExample fit(Example sample, TokenizedExample full, Set<Finding> findings) {
        if (full.length() <= maxLength) {
            return full;
        }
        if (options.overLength() == OverLength.ERROR) {
            throw TuttiException.data(
                    "%s: %d tokens, more than --model_max_length=%d; --over_length truncate cuts such samples, drop leaves them out",
                    sample.source(), full.length(), maxLength);
        }
        findings.add(options.overLength() == OverLength.DROP ? Finding.TOO_LONG : Finding.TRUNCATED);
        return new TokenizedExample(Arrays.copyOf(full.inputIds(), maxLength), Arrays.copyOf(full.labels(), maxLength));
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
}
