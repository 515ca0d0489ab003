package tutti.worker.generate;

import java.util.ArrayList;
import java.util.List;

/**
 * How good a model is on samples that it has not seen.
 *
 * @param loss cross-entropy of the labelled tokens, summed, in nats
 * @param labelled tokens; 0 where perplexity was not asked for
 * @param cut samples that were too long, and count for the loss with their beginning only
 * @param answers generated greedily, in the order of the samples; none where exact match was not asked for
 * @param unanswered of these, those whose prompt leaves no room for an answer
 */
public record Evaluation(double loss, long labelled, int cut, List<Answer> answers, int unanswered) {
    public Evaluation {
        answers = List.copyOf(answers);
    }

    /**
     * One generated answer beside the one that was wanted.
     *
     * @param exact as good as that one
     */
    public record Answer(String question, String wanted, String given, boolean exact) {}

    /** Of all samples, from those of its batches; added in their order, so that it does not matter who computed which. */
    public static Evaluation sum(List<Evaluation> batches) {
        double loss = 0;
        long labelled = 0;
        int cut = 0;
        List<Answer> answers = new ArrayList<>();
        int unanswered = 0;
        for (Evaluation batch : batches) {
            loss += batch.loss;
            labelled += batch.labelled;
            cut += batch.cut;
            answers.addAll(batch.answers);
            unanswered += batch.unanswered;
        }
        return new Evaluation(loss, labelled, cut, answers, unanswered);
    }

    /** In nats. */
    public double lossPerToken() {
        return loss / labelled;
    }

    public double perplexity() {
        return Math.exp(lossPerToken());
    }

    public int exact() {
        return (int) answers.stream().filter(Answer::exact).count();
    }

    public int total() {
        return answers.size();
    }

    /** 0 to 1. */
    public double exactMatch() {
        return (double) exact() / total();
    }
}
