package tutti.worker.generate;

import static tutti.common.error.TuttiException.data;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tutti.common.config.EncodingConfig;
import tutti.common.config.EncodingConfig.OverLength;
import tutti.common.config.EncodingConfig.TrainOn;
import tutti.common.dataset.Conversation;
import tutti.common.dataset.Example;
import tutti.common.dataset.Role;
import tutti.common.dataset.Turn;
import tutti.common.token.ChatEncoder;
import tutti.common.token.ExampleEncoder;
import tutti.common.token.TokenizedExample;
import tutti.worker.batch.Batch;
import tutti.worker.batch.BatchBuilder;
import tutti.worker.model.ActivationPlan;
import tutti.worker.model.Llama;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.PlanningArena;

/**
 * How good a model is on conversations that it has not seen.
 *
 * @param lossPerToken cross-entropy of the assistant's tokens, in nats; perplexity is its exponential
 * @param exact conversations whose last answer is generated greedily word for word, surrounding white space aside
 */
public record Evaluation(double lossPerToken, int exact, int total, List<Answer> answers) {
    private static final int BATCH = 8;

    /** One generated answer beside the one that was wanted. */
    public record Answer(String question, String wanted, String given) {
        public boolean exact() {
            return wanted.strip().equals(given.strip());
        }
    }

    public double exactMatch() {
        return (double) exact / total;
    }

    public double perplexity() {
        return Math.exp(lossPerToken);
    }

    /**
     * @param chatTemplate as {@code --chat_template} has it
     * @param limit most conversations to answer and to score; the first ones of the file are taken
     */
    public static Evaluation of(
            TextModel model, List<Example> examples, String chatTemplate, int limit, int maxNewTokens) {
        List<Example> taken = examples.subList(0, Math.min(limit, examples.size()));
        double loss = loss(model, taken, chatTemplate);
        List<Answer> answers = answers(model, taken, chatTemplate, maxNewTokens);
        int exact = (int) answers.stream().filter(Answer::exact).count();
        return new Evaluation(loss, exact, answers.size(), answers);
    }

    private static List<Answer> answers(
            TextModel model, List<Example> examples, String chatTemplate, int maxNewTokens) {
        List<Answer> answers = new ArrayList<>();
        ChatEncoder chat = new ChatEncoder(model.tokenizer(), chatTemplate);
        try (Generator generator = model.generator(model.config().maxPositions())) {
            for (Example example : examples) {
                if (!(example instanceof Conversation conversation)) {
                    throw data("%s: exact match needs conversations, not token ids or running text", example.source());
                }
                List<Turn> turns = conversation.turns();
                int last = turns.size() - 1;
                while (last >= 0 && turns.get(last).role() != Role.ASSISTANT) {
                    last--;
                }
                if (last < 1) {
                    throw data("%s: no answer to compare with", example.source());
                }
                int[] made = generator.generate(
                        chat.prompt(turns.subList(0, last)),
                        maxNewTokens,
                        Sampler.GREEDY,
                        model.tokenizer().stopIds(),
                        token -> {});
                answers.add(new Answer(
                        turns.get(last - 1).text(),
                        turns.get(last).text(),
                        model.tokenizer().decode(made, true)));
            }
        }
        return answers;
    }

    private static double loss(TextModel model, List<Example> examples, String chatTemplate) {
        int maxLength = model.config().maxPositions();
        ExampleEncoder encoder = new ExampleEncoder(
                Optional.of(model.tokenizer()),
                new EncodingConfig(chatTemplate, TrainOn.ASSISTANT, OverLength.TRUNCATE),
                maxLength,
                model.config().vocabulary());
        List<TokenizedExample> samples = encoder.encodeAll(examples).examples();
        int longest = samples.stream().mapToInt(TokenizedExample::length).max().orElseThrow();
        PlanningArena plan = new PlanningArena();
        Pass.of(model, longest, plan);
        double sum = 0;
        long labelled = 0;
        try (Arena memory = model.kernels().arena("evaluation", plan.used())) {
            Pass pass = Pass.of(model, longest, memory);
            for (int from = 0; from < samples.size(); from += BATCH) {
                Batch batch = pass.batches().build(samples.subList(from, Math.min(samples.size(), from + BATCH)));
                pass.llama().forward(batch);
                sum += pass.llama().loss(batch);
                labelled += batch.labelled();
            }
        }
        return sum / labelled;
    }

    private record Pass(Llama llama, BatchBuilder batches) {
        static Pass of(TextModel model, int longest, Arena arena) {
            ActivationPlan plan = ActivationPlan.forwardOnly(
                    model.config(), model.kernels().masterDType(), model.compute(), BATCH * longest, longest);
            Llama llama = new Llama(plan, model.kernels(), model.replica(), arena, System::nanoTime);
            return new Pass(llama, new BatchBuilder(arena, BATCH, longest));
        }
    }
}
