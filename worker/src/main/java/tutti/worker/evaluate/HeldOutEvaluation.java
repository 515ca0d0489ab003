package tutti.worker.evaluate;

import java.util.List;
import java.util.stream.IntStream;
import tutti.common.config.EvalConfig;
import tutti.common.protocol.WorkerReport.SampleAnswer;
import tutti.common.token.Question;
import tutti.common.token.TokenizedExample;
import tutti.worker.allreduce.Collectives;
import tutti.worker.generate.AnswerRule;
import tutti.worker.train.HeldOut;
import tutti.worker.train.TrainLoop;
import tutti.worker.train.TrainLoop.Found;
import tutti.worker.train.Trainer;

/**
 * Evaluates what a trainer holds. Micro-batches are cut from the held-out samples in file order and dealt round robin; their losses are
 * gathered a round at a time and added in the order of the micro-batches: the same bits on all ranks, however many there are.
 *
 * @param batchSize samples of a micro-batch, but for the last one
 */
public record HeldOutEvaluation(Trainer trainer, EvalConfig config, int batchSize) implements TrainLoop.Evaluation {
    /** Characters of an answer that go into a message. */
    private static final int MOST_SHOWN = 4000;

    @Override
    public Found behind(long steps) {
        HeldOut heldOut = trainer.heldOut().orElseThrow();
        String doing = "evaluation after step " + steps;
        long start = trainer.clock().getAsLong();
        Loss loss = loss(heldOut.samples(), doing);
        int exact = -1;
        if (config.exactMatch()) {
            exact = exact(heldOut, answers(heldOut.questions(), doing));
        }
        List<SampleAnswer> answers = sampleAnswers(heldOut, answers(heldOut.prompts(), doing));
        double millis = (trainer.clock().getAsLong() - start) / 1e6;
        return new Found(
                loss.sum,
                loss.labelledTokens,
                heldOut.samples().size(),
                exact,
                heldOut.questions().size() + heldOut.tooLong(),
                millis,
                answers);
    }

    private static final class Loss {
        private double sum;
        private long labelledTokens;
    }

    /** Gathered a round at a time, so that ranks of unequal speed do not come to look lost. */
    private Loss loss(List<TokenizedExample> samples, String doing) {
        Collectives collectives = trainer.collectives();
        int batches = (samples.size() + batchSize - 1) / batchSize;
        Loss all = new Loss();
        for (int first = 0; first < batches; first += collectives.worldSize()) {
            trainer.progress().at(doing);
            int mine = first + collectives.rank();
            long[] told = new long[2];
            if (mine < batches) {
                List<TokenizedExample> batch =
                        samples.subList(mine * batchSize, Math.min(samples.size(), (mine + 1) * batchSize));
                told[0] = Double.doubleToLongBits(trainer.loss(batch));
                told[1] = batch.stream()
                        .mapToLong(TokenizedExample::labelledTokens)
                        .sum();
            }
            for (long[] rank : collectives.allGather("losses of an evaluation", told)) {
                all.sum += Double.longBitsToDouble(rank[0]);
                all.labelledTokens += rank[1];
            }
        }
        return all;
    }

    /** On all ranks the same. */
    private List<String> answers(List<Question> questions, String doing) {
        return questions.isEmpty()
                ? List.of()
                : new DealtAnswers(
                                trainer,
                                trainer.decoder().orElseThrow(),
                                trainer.heldOut().orElseThrow().tokenizer(),
                                config.maxNewTokens(),
                                doing)
                        .to(questions);
    }

    private AnswerRule rule(HeldOut heldOut) {
        return switch (config.rule()) {
            case AUTO -> AnswerRule.of(heldOut.formats());
            case TEXT -> AnswerRule.TEXT;
            case GSM8K -> AnswerRule.GSM8K;
            case SQL -> AnswerRule.SQL;
        };
    }

    private int exact(HeldOut heldOut, List<String> given) {
        AnswerRule rule = rule(heldOut);
        return (int) IntStream.range(0, given.size())
                .filter(i -> rule.matches(heldOut.questions().get(i).wanted(), given.get(i)))
                .count();
    }

    private static String clip(String answer) {
        if (answer.length() <= MOST_SHOWN) {
            return answer;
        }
        // Half a character could not be told.
        return answer.substring(
                0, Character.isHighSurrogate(answer.charAt(MOST_SHOWN - 1)) ? MOST_SHOWN - 1 : MOST_SHOWN);
    }

    private static List<SampleAnswer> sampleAnswers(HeldOut heldOut, List<String> given) {
        return IntStream.range(0, given.size())
                .mapToObj(i -> new SampleAnswer(heldOut.prompts().get(i).text(), clip(given.get(i))))
                .toList();
    }
}
