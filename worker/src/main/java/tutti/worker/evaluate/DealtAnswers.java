package tutti.worker.evaluate;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import tutti.common.token.Question;
import tutti.common.token.Tokenizer;
import tutti.worker.generate.Generator;
import tutti.worker.generate.Generator.Request;
import tutti.worker.generate.Sampler;
import tutti.worker.model.LlamaDecoder;
import tutti.worker.train.Trainer;

/**
 * Greedy answers to questions that are dealt round robin to the ranks. Answers differ in length by seconds, so a rank that still writes
 * meets those that wait for it now and then: none looks lost.
 */
final class DealtAnswers {
    /** Below any patience of a collective. */
    private static final long BETWEEN_MEETINGS = Duration.ofMillis(300).toNanos();

    private static final long NOT_ENDED = -1;

    private final Trainer trainer;
    private final Generator generator;
    private final Tokenizer tokenizer;
    private final int maxNewTokens;
    private final String doing;
    private long lastMeeting;

    /**
     * @param decoder of the trainer
     * @param doing for a person
     */
    DealtAnswers(Trainer trainer, LlamaDecoder decoder, Tokenizer tokenizer, int maxNewTokens, String doing) {
        this.trainer = trainer;
        this.generator = Generator.on(decoder);
        this.tokenizer = tokenizer;
        this.maxNewTokens = maxNewTokens;
        this.doing = doing;
        this.lastMeeting = trainer.clock().getAsLong();
    }

    /** All ranks call it and get all answers. */
    List<String> to(List<Question> questions) {
        List<String> answers = new ArrayList<>();
        int ranks = trainer.collectives().worldSize();
        for (int first = 0; first < questions.size(); first += ranks) {
            int mine = first + trainer.collectives().rank();
            long[] made = ended(mine < questions.size() ? answer(questions.get(mine)) : new int[0]);
            long[][] all = meet(made);
            // Each sees the same at the same meeting, however many it came to while it wrote.
            while (Arrays.stream(all).anyMatch(rank -> rank[0] == NOT_ENDED)) {
                all = meet(made);
            }
            Arrays.stream(all).limit(questions.size() - first).forEach(answer -> answers.add(text(answer)));
        }
        return answers;
    }

    private int[] answer(Question question) {
        trainer.progress().at(doing);
        Request request = new Request(question.ids(), Sampler.GREEDY, token -> {
            trainer.progress().at(doing);
            if (trainer.clock().getAsLong() - lastMeeting >= BETWEEN_MEETINGS) {
                meet(notEnded());
            }
            return true;
        });
        return generator
                .generate(List.of(request), maxNewTokens, tokenizer.stopIds())
                .get(0)
                .tokens();
    }

    private long[][] meet(long[] mine) {
        long[][] all = trainer.collectives().allGather("answers of an evaluation", mine);
        trainer.progress().at(doing);
        lastMeeting = trainer.clock().getAsLong();
        return all;
    }

    private long[] notEnded() {
        long[] values = new long[1 + maxNewTokens];
        values[0] = NOT_ENDED;
        return values;
    }

    /** How many tokens, and they. */
    private long[] ended(int[] made) {
        long[] values = new long[1 + maxNewTokens];
        values[0] = made.length;
        for (int i = 0; i < made.length; i++) {
            values[1 + i] = made[i];
        }
        return values;
    }

    private String text(long[] answer) {
        int[] ids = Arrays.stream(answer, 1, 1 + (int) answer[0])
                .mapToInt(Math::toIntExact)
                .toArray();
        return tokenizer.decode(ids, true);
    }
}
