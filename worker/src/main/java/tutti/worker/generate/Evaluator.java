package tutti.worker.generate;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import tutti.common.config.EncodingConfig;
import tutti.common.dataset.Example;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.token.ExampleEncoder;
import tutti.common.token.Finding;
import tutti.common.token.Question;
import tutti.common.token.Questions;
import tutti.common.token.TokenizedExample;
import tutti.worker.batch.Batch;
import tutti.worker.batch.BatchBuilder;
import tutti.worker.generate.Evaluation.Answer;
import tutti.worker.generate.Generator.Made;
import tutti.worker.generate.Generator.Request;
import tutti.worker.model.ActivationPlan;
import tutti.worker.model.Llama;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.PlanningArena;

/**
 * Scores samples batch by batch. Which samples share a batch is fixed, so several processes may share the batches among them and come to the
 * bits of one. Owns the memory of its passes; not thread-safe.
 */
public final class Evaluator implements AutoCloseable {
    private final TextModel model;
    private final Options options;
    private final List<Item> items;
    private final Optional<Pass> pass;
    private final Optional<Generator> generator;

    /**
     * What is measured, and how.
     *
     * @param metrics at least one
     * @param batchSize samples that are computed side by side
     * @param maxLength most tokens of a sample, and of a prompt with its answer; the model's own bound holds besides
     * @param maxNewTokens most tokens of an answer
     */
    public record Options(
            Set<Metric> metrics,
            AnswerRule rule,
            EncodingConfig encoding,
            int batchSize,
            int maxLength,
            int maxNewTokens) {
        public Options {
            metrics = Set.copyOf(metrics);
        }

        boolean has(Metric metric) {
            return metrics.contains(metric);
        }
    }

    /** @param model the caller's, who closes it after this */
    public Evaluator(TextModel model, List<Example> samples, Options options) {
        this.model = model;
        this.options = options;
        int maxLength = Math.min(options.maxLength(), model.config().maxPositions());
        items = items(samples, maxLength);
        int longest = items.stream()
                .flatMap(item -> item.learned().stream())
                .mapToInt(TokenizedExample::length)
                .max()
                .orElse(0);
        TuttiException.require(
                longest > 0 || !options.has(Metric.PERPLEXITY),
                Category.DATA,
                "none of the %,d samples has a token that is learned, so they have no loss; `tutti data` shows them",
                samples.size());
        TuttiException.require(
                !options.has(Metric.EXACT_MATCH)
                        || items.stream().anyMatch(item -> item.question().isPresent()),
                Category.DATA,
                "none of the %,d samples has a question and an answer with tokens, so they have no exact match; `tutti data` shows them",
                samples.size());
        int prompt = items.stream()
                .flatMap(item -> item.question().stream())
                .mapToInt(question -> question.ids().length)
                .filter(length -> length <= maxLength)
                .max()
                .orElse(0);
        pass = longest > 0
                ? Optional.of(Pass.open(model, Math.min(options.batchSize(), items.size()), longest))
                : Optional.empty();
        try {
            generator = prompt > 0 ? Optional.of(generator(prompt, maxLength)) : Optional.empty();
        } catch (RuntimeException e) {
            pass.ifPresent(Pass::close);
            throw e;
        }
    }

    private Generator generator(int longestPrompt, int maxLength) {
        long wanted = (long) longestPrompt + options.maxNewTokens();
        return model.generator(Math.min(options.batchSize(), items.size()), (int) Math.min(maxLength, wanted));
    }

    /**
     * A sample as the model gets it.
     *
     * @param learned what the loss is taken on; empty where nothing is
     * @param question empty where nothing is asked
     */
    private record Item(Optional<TokenizedExample> learned, boolean cut, Optional<Question> question) {}

    private List<Item> items(List<Example> samples, int maxLength) {
        ExampleEncoder encoder = new ExampleEncoder(
                Optional.of(model.tokenizer()),
                options.encoding(),
                maxLength,
                model.config().vocabulary());
        Questions questions = new Questions(
                model.tokenizer(),
                options.encoding().chatTemplate(),
                model.config().vocabulary());
        List<Item> all = new ArrayList<>();
        for (Example sample : samples) {
            Optional<ExampleEncoder.Sample> encoded = options.has(Metric.PERPLEXITY)
                    ? Optional.of(encoder.describe(sample)).filter(ExampleEncoder.Sample::kept)
                    : Optional.empty();
            Optional<Question> question = options.has(Metric.EXACT_MATCH) ? questions.of(sample) : Optional.empty();
            all.add(new Item(
                    encoded.map(ExampleEncoder.Sample::example),
                    encoded.filter(one -> one.findings().contains(Finding.TRUNCATED))
                            .isPresent(),
                    question));
        }
        return all;
    }

    public int batches() {
        return (items.size() + options.batchSize() - 1) / options.batchSize();
    }

    /** All batches, one after the other. */
    public Evaluation all() {
        return Evaluation.sum(
                IntStream.range(0, batches()).mapToObj(this::batch).toList());
    }

    /** @param number from 0 */
    public Evaluation batch(int number) {
        int from = number * options.batchSize();
        List<Item> batch = items.subList(from, Math.min(items.size(), from + options.batchSize()));
        double loss = 0;
        long labelled = 0;
        List<TokenizedExample> learned =
                batch.stream().flatMap(item -> item.learned().stream()).toList();
        if (!learned.isEmpty()) {
            Batch packed = pass.orElseThrow().batches().build(learned);
            pass.get().llama().forward(packed);
            loss = pass.get().llama().loss(packed);
            labelled = packed.labelled();
        }
        List<Question> questions =
                batch.stream().flatMap(item -> item.question().stream()).toList();
        return new Evaluation(
                loss, labelled, (int) batch.stream().filter(Item::cut).count(), answers(questions), (int)
                        questions.stream().filter(question -> !fits(question)).count());
    }

    private boolean fits(Question question) {
        return generator.isPresent() && question.fits(generator.get().capacity());
    }

    private List<Answer> answers(List<Question> questions) {
        List<Request> requests = questions.stream()
                .filter(this::fits)
                .map(question -> new Request(question.ids(), Sampler.GREEDY, token -> true))
                .toList();
        List<Made> made = requests.isEmpty()
                ? List.of()
                : generator
                        .orElseThrow()
                        .generate(
                                requests,
                                options.maxNewTokens(),
                                model.tokenizer().stopIds());
        List<Answer> answers = new ArrayList<>();
        int next = 0;
        for (Question question : questions) {
            boolean fits = fits(question);
            String given = fits ? model.tokenizer().decode(made.get(next++).tokens(), true) : "";
            boolean exact = fits && options.rule().matches(question.wanted(), given);
            answers.add(new Answer(question.text(), question.wanted(), given, exact));
        }
        return answers;
    }

    @Override
    public void close() {
        generator.ifPresent(Generator::close);
        pass.ifPresent(Pass::close);
    }

    private record Pass(Llama llama, BatchBuilder batches, Arena memory) {
        static Pass open(TextModel model, int batchSize, int longest) {
            PlanningArena plan = new PlanningArena();
            of(model, batchSize, longest, plan);
            Arena memory = model.kernels().arena("evaluation", plan.used());
            try {
                return of(model, batchSize, longest, memory);
            } catch (RuntimeException e) {
                memory.close();
                throw e;
            }
        }

        private static Pass of(TextModel model, int batchSize, int longest, Arena arena) {
            ActivationPlan plan = ActivationPlan.forwardOnly(
                    model.config(),
                    model.kernels().masterDType(),
                    model.compute(),
                    Math.multiplyExact(batchSize, longest),
                    longest);
            Llama llama = new Llama(plan, model.kernels(), model.replica(), arena, System::nanoTime);
            return new Pass(llama, new BatchBuilder(arena, batchSize, longest), arena);
        }

        void close() {
            memory.close();
        }
    }
}
