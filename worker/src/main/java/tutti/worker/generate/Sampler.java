package tutti.worker.generate;

import static tutti.common.error.TuttiException.require;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Picks the next token from logits.
 *
 * @param temperature 0 takes the largest logit (the lowest id among equals)
 * @param topK keep the so many largest; 0 keeps all
 * @param topP keep the smallest set of tokens whose probability reaches this (Holtzman et al. 2020)
 * @param repetitionPenalty makes tokens that the sequence has already, in its prompt too, less likely; 1: does not (Keskar et al. 2019,
 *     as in transformers: a positive logit is divided by it, a negative one multiplied, before anything else)
 */
public record Sampler(double temperature, int topK, double topP, double repetitionPenalty, SplittableRandom random) {
    public static final Sampler GREEDY = new Sampler(0, 0, 1, 1, new SplittableRandom(0));

    public Sampler {
        require(temperature >= 0, "--temperature=%s: not below 0", temperature);
        require(topK >= 0, "--top_k=%d: not below 0; 0 keeps all", topK);
        require(topP > 0 && topP <= 1, "--top_p=%s: more than 0, at most 1", topP);
        require(
                repetitionPenalty > 0 && Double.isFinite(repetitionPenalty),
                "--repetition_penalty=%s: more than 0; 1 changes nothing, 1.2 is usual",
                repetitionPenalty);
    }

    /** One for another sequence, whose draws do not depend on this one's. */
    public Sampler split() {
        return new Sampler(temperature, topK, topP, repetitionPenalty, random.split());
    }

    /**
     * @param logits (V), changed by the penalty
     * @param seen ids that the sequence has already
     */
    public int next(float[] logits, BitSet seen) {
        if (repetitionPenalty != 1) {
            seen.stream().forEach(id -> logits[id] = penalised(logits[id]));
        }
        if (temperature == 0) {
            return argmax(logits);
        }
        return topK == 0 && topP == 1 ? drawFromAll(logits) : drawFromLikeliest(logits);
    }

    private float penalised(float logit) {
        return (float) (logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty);
    }

    private static int argmax(float[] logits) {
        int best = 0;
        for (int i = 1; i < logits.length; i++) {
            best = logits[i] > logits[best] ? i : best;
        }
        return best;
    }

    /** Nothing is left out, so nothing needs to be sorted. */
    private int drawFromAll(float[] logits) {
        int best = argmax(logits);
        double[] cumulative = new double[logits.length];
        double total = 0;
        for (int i = 0; i < logits.length; i++) {
            total += Math.exp((logits[i] - logits[best]) / temperature);
            cumulative[i] = total;
        }
        double drawn = random.nextDouble() * total;
        for (int i = 0; i < logits.length; i++) {
            if (drawn < cumulative[i]) {
                return i;
            }
        }
        return best;
    }

    private int drawFromLikeliest(float[] logits) {
        int[] order = IntStream.range(0, logits.length)
                .boxed()
                .sorted(Comparator.<Integer>comparingDouble(i -> -logits[i]).thenComparingInt(i -> i))
                .mapToInt(Integer::intValue)
                .limit(topK == 0 ? logits.length : topK)
                .toArray();
        double[] weight = Arrays.stream(order)
                .mapToDouble(i -> Math.exp((logits[i] - logits[order[0]]) / temperature))
                .toArray();
        double total = Arrays.stream(weight).sum();
        double kept = 0;
        int count = 0;
        while (count < weight.length && kept < topP * total) {
            kept += weight[count++];
        }
        double drawn = random.nextDouble() * kept;
        int pick = 0;
        while (pick < count - 1 && drawn >= weight[pick]) {
            drawn -= weight[pick++];
        }
        return order[pick];
    }
}
