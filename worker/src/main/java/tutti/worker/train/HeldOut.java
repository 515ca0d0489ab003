package tutti.worker.train;

import static tutti.common.error.TuttiException.require;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import tutti.common.checkpoint.FileDigest;
import tutti.common.config.DataFormat;
import tutti.common.config.EvalConfig;
import tutti.common.config.RunConfig;
import tutti.common.dataset.Conversation;
import tutti.common.dataset.Datasets;
import tutti.common.dataset.Example;
import tutti.common.dataset.Role;
import tutti.common.dataset.Tokens;
import tutti.common.dataset.Turn;
import tutti.common.error.Category;
import tutti.common.token.ChatEncoder;
import tutti.common.token.EncodeReport;
import tutti.common.token.ExampleEncoder;
import tutti.common.token.Question;
import tutti.common.token.Questions;
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
    private final Set<DataFormat> formats;
    private final Optional<Tokenizer> tokenizer;
    private final List<String> notes;
    private final int tooLong;

    private HeldOut(
            List<TokenizedExample> samples,
            List<Question> questions,
            List<Question> prompts,
            Set<DataFormat> formats,
            Optional<Tokenizer> tokenizer,
            List<String> notes,
            int tooLong) {
        this.samples = samples;
        this.questions = questions;
        this.prompts = prompts;
        this.formats = formats;
        this.tokenizer = tokenizer;
        this.notes = notes;
        this.tooLong = tooLong;
    }

    /**
     * @param folder the model's, with its tokenizer; not opened if all samples are tokenised already and nothing is asked
     * @param maxLength samples are as long as those of the training may be, and so are prompts
     */
    static HeldOut load(RunConfig config, Path folder, int maxLength, int vocabulary) {
        EvalConfig eval = config.eval();
        Datasets.Loaded loaded = Datasets.first(config.data().with(eval.paths()), eval.limit());
        List<Example> taken = loaded.examples();
        boolean text = eval.answers() || !taken.stream().allMatch(Tokens.class::isInstance);
        Optional<Tokenizer> tokenizer = text ? Optional.of(Tokenizer.open(folder)) : Optional.empty();
        try {
            ExampleEncoder.Result encoded =
                    new ExampleEncoder(tokenizer, config.encoding(), maxLength, vocabulary).encodeAll(taken);
            List<String> notes = new ArrayList<>(loaded.notes());
            List<Question> questions = List.of();
            int tooLong = 0;
            if (eval.exactMatch()) {
                List<Question> all =
                        new Questions(tokenizer.orElseThrow(), config.encoding().chatTemplate(), vocabulary).of(taken);
                questions = all.stream()
                        .filter(question -> question.fits(maxLength))
                        .toList();
                tooLong = all.size() - questions.size();
                require(
                        !questions.isEmpty(),
                        Category.DATA,
                        "--eval_metric exact_match: none of %,d samples has a question that fits into --model_max_length=%d, and an "
                                + "answer; token ids and running text ask nothing, but --answer_after tells where the answer of a text begins",
                        taken.size(),
                        maxLength);
            }
            notes.add(note(config, encoded.report(), loaded.all(), questions.size(), tooLong));
            List<Question> prompts = SamplePrompts.read(
                    eval.samplePrompts(), prompt -> promptIds(prompt, taken.get(0), config, tokenizer));
            requireToFit(prompts, maxLength);
            return new HeldOut(encoded.examples(), questions, prompts, loaded.formats(), tokenizer, notes, tooLong);
        } catch (RuntimeException e) {
            tokenizer.ifPresent(Tokenizer::close);
            throw e;
        }
    }

    private static String note(RunConfig config, EncodeReport report, int all, int questions, int tooLong) {
        return "evaluation: %s%s, in micro-batches of %d%s%s"
                .formatted(
                        report.summary(),
                        all > config.eval().limit() ? ", the first of %,d (--eval_limit)".formatted(all) : "",
                        config.plan().evalBatchSize(),
                        config.eval().exactMatch() ? "; %,d questions".formatted(questions + tooLong) : "",
                        tooLong > 0
                                ? ", %,d of them too long to be asked: they count as answered wrongly"
                                        .formatted(tooLong)
                                : "");
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

    /** Whose answers are compared, each with room for it and a token behind it. */
    public List<Question> questions() {
        return questions;
    }

    /** Further questions, which are too long to be asked: as good as answered wrongly. */
    public int tooLong() {
        return tooLong;
    }

    /** Those of {@code --sample_prompts}. */
    public List<Question> prompts() {
        return prompts;
    }

    /** What the samples were in their files. */
    public Set<DataFormat> formats() {
        return formats;
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

    /** As questions and those of {@code --sample_prompts} are asked apart. */
    int mostPrompts() {
        return Math.max(questions.size(), prompts.size());
    }

    /** Of all that ranks must have read alike: they meet at each answer. */
    String fingerprint() {
        StringBuilder asked = new StringBuilder(Fingerprint.of(samples));
        Stream.concat(questions.stream(), prompts.stream())
                .forEach(question -> asked.append('\n')
                        .append(Arrays.toString(question.ids()))
                        .append(question.wanted()));
        return FileDigest.of(asked.toString().getBytes(StandardCharsets.UTF_8)).sha256();
    }

    @Override
    public void close() {
        tokenizer.ifPresent(Tokenizer::close);
    }
}
