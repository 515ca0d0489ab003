package tutti.worker.evaluate;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import tutti.common.token.Question;
import tutti.common.token.Tokenizer;
import tutti.worker.generate.Generator;
import tutti.worker.generate.Generator.Made;
import tutti.worker.generate.Generator.Request;
import tutti.worker.generate.Sampler;
import tutti.worker.model.LlamaDecoder;
import tutti.worker.train.Trainer;

/**
 * Greedy answers to questions, of which as many as the decoder has slots are answered side by side. Such batches are cut in the order of
 * the questions, so that rounding does not depend on the ranks, and dealt to them round robin. Answers differ in length by seconds, so a
 * rank that still writes meets those that wait for it now and then: none looks lost. Before its first token it has no more to compute
 * than for the loss of a micro-batch.
 */
final class DealtAnswers {
    /** Below any patience of a collective. */
    private static final long BETWEEN_MEETINGS = Duration.ofMillis(300).toNanos();

    private static final long NOT_ENDED = -1;

    private final Trainer trainer;
    private final Generator generator;
    private final Tokenizer tokenizer;
    private final int batchSize;
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
        this.batchSize = decoder.slots();
        this.maxNewTokens = maxNewTokens;
        this.doing = doing;
        this.lastMeeting = trainer.clock().getAsLong();
    }

    /** All ranks call it and get all answers. */
    List<String> to(List<Question> questions) {
        List<String> answers = new ArrayList<>();
        int count = questions.size();
        int ranks = trainer.collectives().worldSize();
        for (int first = 0; first < count; first += ranks * batchSize) {
            int mine = Math.min(count, first + trainer.collectives().rank() * batchSize);
            long[] made = ended(answer(questions.subList(mine, Math.min(count, mine + batchSize))));
            long[][] all = meet(made);
            // Each sees the same at the same meeting, however many it came to while it wrote.
            while (Arrays.stream(all).anyMatch(rank -> rank[0] == NOT_ENDED)) {
                all = meet(made);
            }
            // All batches are full but the last one.
            Arrays.stream(all).flatMap(this::texts).limit(count - first).forEach(answers::add);
        }
        return answers;
    }

    private List<Made> answer(List<Question> batch) {
        trainer.progress().at(doing);
        List<Request> requests = batch.stream()
                .map(question -> new Request(question.ids(), Sampler.GREEDY, token -> stillWriting()))
                .toList();
        return generator.generate(requests, maxNewTokens, tokenizer.stopIds());
    }

    private boolean stillWriting() {
        trainer.progress().at(doing);
        if (trainer.clock().getAsLong() - lastMeeting >= BETWEEN_MEETINGS) {
            long[] notEnded = new long[batchSize * answerSize()];
            notEnded[0] = NOT_ENDED;
            meet(notEnded);
        }
        return true;
    }

    private long[][] meet(long[] mine) {
        long[][] all = trainer.collectives().allGather("answers of an evaluation", mine);
        trainer.progress().at(doing);
        lastMeeting = trainer.clock().getAsLong();
        return all;
    }

    /** Of an answer: how many tokens, and they. */
    private int answerSize() {
        return 1 + maxNewTokens;
    }

    private long[] ended(List<Made> batch) {
        long[] values = new long[batchSize * answerSize()];
        int at = 0;
        for (Made made : batch) {
            values[at] = made.tokens().length;
            for (int i = 0; i < made.tokens().length; i++) {
                values[at + 1 + i] = made.tokens()[i];
            }
            at += answerSize();
        }
        return values;
    }

    private Stream<String> texts(long[] batch) {
        return IntStream.range(0, batchSize)
                .map(answer -> answer * answerSize())
                .mapToObj(at -> {
                    int[] ids = Arrays.stream(batch, at + 1, at + 1 + (int) batch[at])
                            .mapToInt(Math::toIntExact)
                            .toArray();
                    return tokenizer.decode(ids, true);
                });
    }
}
