package tutti.worker.train;

import static tutti.common.error.TuttiException.require;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import tutti.common.config.EncodingConfig;
import tutti.common.config.EncodingConfig.OverLength;
import tutti.common.config.EncodingConfig.TrainOn;
import tutti.common.config.EvalConfig;
import tutti.common.config.RunConfig;
import tutti.common.dataset.Conversation;
import tutti.common.dataset.Datasets;
import tutti.common.dataset.Example;
import tutti.common.dataset.Role;
import tutti.common.dataset.Tokens;
import tutti.common.dataset.Turn;
import tutti.common.token.ChatEncoder;
import tutti.common.token.EncodeReport;
import tutti.common.token.ExampleEncoder;
import tutti.common.token.TokenizedExample;
import tutti.common.token.Tokenizer;
import tutti.worker.samples.Fingerprint;

/**
 * What a run is evaluated on: samples that it does not train on, in file order, and what the model is asked. Owns the tokenizer, which
 * answers are read with.
 */
public final class HeldOut implements AutoCloseable {
    private final List<TokenizedExample> samples;
    private final List<Question> questions;
    private final List<Question> prompts;
    private final Optional<Tokenizer> tokenizer;
    private final List<String> notes;

    /**
     * @param ids what the model is given: of a sample the tokens that it has before its answer when it is trained on
     * @param wanted answer; empty where any will do
     */
    public record Question(String text, int[] ids, String wanted) {}

    private HeldOut(
            List<TokenizedExample> samples,
            List<Question> questions,
            List<Question> prompts,
            Optional<Tokenizer> tokenizer,
            List<String> notes) {
        this.samples = samples;
        this.questions = questions;
        this.prompts = prompts;
        this.tokenizer = tokenizer;
        this.notes = notes;
    }

    /**
     * @param folder the model's, with its tokenizer; not opened if all samples are tokenised already and nothing is asked
     * @param maxLength samples are as long as those of the training may be, and so are prompts
     */
    static HeldOut load(RunConfig config, Path folder, int maxLength, int vocabulary) {
        EvalConfig eval = config.eval();
        Datasets.Loaded loaded = Datasets.load(config.data().with(eval.paths()));
        List<Example> examples = loaded.examples();
        List<Example> taken = examples.subList(0, Math.min(examples.size(), eval.limit()));
        boolean text = eval.answers() || !taken.stream().allMatch(Tokens.class::isInstance);
        Optional<Tokenizer> tokenizer = text ? Optional.of(Tokenizer.open(folder)) : Optional.empty();
        try {
            ExampleEncoder.Result encoded =
                    new ExampleEncoder(tokenizer, config.encoding(), maxLength, vocabulary).encodeAll(taken);
            List<String> notes = new ArrayList<>(loaded.notes());
            List<Question> questions = List.of();
            if (eval.exactMatch()) {
                EncodingConfig asked =
                        new EncodingConfig(config.encoding().chatTemplate(), TrainOn.COMPLETION, OverLength.TRUNCATE);
                questions = Questions.of(taken, new ExampleEncoder(tokenizer, asked, maxLength, vocabulary));
            }
            notes.add(note(config, encoded.report(), examples.size(), questions.size()));
            List<Question> prompts = SamplePrompts.read(
                    eval.samplePrompts(), prompt -> promptIds(prompt, taken.get(0), config, tokenizer));
            requireToFit(prompts, maxLength);
            return new HeldOut(encoded.examples(), questions, prompts, tokenizer, notes);
        } catch (RuntimeException e) {
            tokenizer.ifPresent(Tokenizer::close);
            throw e;
        }
    }

    private static String note(RunConfig config, EncodeReport report, int all, int questions) {
        return "evaluation: %s%s, in micro-batches of %d%s"
                .formatted(
                        report.summary(),
                        all > config.eval().limit() ? ", the first of %,d (--eval_limit)".formatted(all) : "",
                        config.plan().evalBatchSize(),
                        config.eval().exactMatch() ? "; %,d questions".formatted(questions) : "");
    }

    /** @param first sample: of a chat a prompt is a question, else it is a text that goes on */
    private static int[] promptIds(String text, Example first, RunConfig config, Optional<Tokenizer> tokenizer) {
        return first instanceof Conversation
                ? new ChatEncoder(tokenizer.orElseThrow(), config.encoding().chatTemplate())
                        .prompt(List.of(new Turn(Role.USER, text)))
                : tokenizer.orElseThrow().encode(text, true).ids();
    }

    private static void requireToFit(List<Question> prompts, int maxLength) {
        for (Question prompt : prompts) {
            require(
                    prompt.ids().length > 0 && prompt.ids().length <= maxLength,
                    "--sample_prompts: %d tokens, needs 1 to %d (--model_max_length): %s",
                    prompt.ids().length,
                    maxLength,
                    prompt.text());
        }
    }

    public List<TokenizedExample> samples() {
        return samples;
    }

    /** Whose answers are compared. */
    public List<Question> questions() {
        return questions;
    }

    /** Those of {@code --sample_prompts}. */
    public List<Question> prompts() {
        return prompts;
    }

    /** Where something is asked. */
    public Tokenizer tokenizer() {
        return tokenizer.orElseThrow();
    }

    /** One line each, for the person at the terminal. */
    List<String> notes() {
        return notes;
    }

    int longest() {
        return samples.stream().mapToInt(TokenizedExample::length).max().orElseThrow();
    }

    int longestPrompt() {
        return IntStream.concat(
                        questions.stream().mapToInt(question -> question.ids().length),
                        prompts.stream().mapToInt(prompt -> prompt.ids().length))
                .max()
                .orElse(0);
    }

    String fingerprint() {
        return Fingerprint.of(samples);
    }

    @Override
    public void close() {
        tokenizer.ifPresent(Tokenizer::close);
    }
}
