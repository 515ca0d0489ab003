package tutti.worker.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.BitSet;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SamplerTest {
    /** Probabilities 0.1, 0.6, 0.3 at temperature 1. */
    private static final float[] LOGITS = {(float) Math.log(0.1), (float) Math.log(0.6), (float) Math.log(0.3)};

    private static final BitSet NONE = new BitSet();

    @Test
    void shouldTakeTheLargestLogitAtTemperatureZero() {
        assertThat(Sampler.GREEDY.next(LOGITS, NONE)).isEqualTo(1);
        assertThat(Sampler.GREEDY.next(new float[] {2, 5, 5}, NONE)).isEqualTo(1);
    }

    @Test
    void shouldDrawEachTokenAsOftenAsItIsLikely() {
        double[] share = shares(new Sampler(1, 0, 1, 1, new SplittableRandom(1)));
        // Three standard deviations of 20,000 draws.
        assertThat(share[0]).isCloseTo(0.1, within(0.011));
        assertThat(share[1]).isCloseTo(0.6, within(0.011));
        assertThat(share[2]).isCloseTo(0.3, within(0.011));
    }

    @Test
    void shouldDrawOnlyFromTheTopK() {
        double[] share = shares(new Sampler(1, 2, 1, 1, new SplittableRandom(1)));
        assertThat(share[0]).isZero();
        assertThat(share[1]).isCloseTo(2 / 3.0, within(0.011));
    }

    @Test
    void shouldDrawOnlyFromTheSmallestSetThatReachesTopP() {
        assertThat(shares(new Sampler(1, 0, 0.6, 1, new SplittableRandom(1)))[1])
                .isEqualTo(1);
        assertThat(shares(new Sampler(1, 0, 0.7, 1, new SplittableRandom(1)))[0])
                .isZero();
    }

    @Test
    void shouldNeverDrawWhatHasNoProbability() {
        Sampler sampler = new Sampler(1, 0, 1, 1, new SplittableRandom(1));
        float[] logits = {Float.NEGATIVE_INFINITY, 0, Float.NEGATIVE_INFINITY, 0, Float.NEGATIVE_INFINITY};
        for (int i = 0; i < 1000; i++) {
            assertThat(sampler.next(logits, NONE)).isIn(1, 3);
        }
    }

    @Test
    void shouldRepeatItsDrawsFromTheSameSeed() {
        assertThat(shares(new Sampler(1, 0, 1, 1, new SplittableRandom(7))))
                .isEqualTo(shares(new Sampler(1, 0, 1, 1, new SplittableRandom(7))));
    }

    /** transformers' RepetitionPenaltyLogitsProcessor: divided where positive, multiplied where negative. */
    @Test
    void shouldMakeLessLikelyWhatIsThereAlready() {
        BitSet seen = new BitSet();
        seen.set(0);
        seen.set(2);
        float[] logits = {3, 2, -1, -1.5f};
        Sampler greedy = new Sampler(0, 0, 1, 2, new SplittableRandom(1));
        assertThat(greedy.next(logits, seen)).isEqualTo(1);
        assertThat(logits).containsExactly(1.5f, 2, -2, -1.5f);
        assertThat(greedy.next(new float[] {5, 2, 1, 1}, seen))
                .as("still the likeliest")
                .isZero();
    }

    @Test
    void shouldDrawForEachSequenceByItself() {
        Sampler parent = new Sampler(1, 0, 1, 1, new SplittableRandom(1));
        Sampler first = parent.split();
        Sampler second = parent.split();
        double[] before = shares(second);
        Sampler again = new Sampler(1, 0, 1, 1, new SplittableRandom(1));
        shares(again.split());
        assertThat(shares(again.split())).as("whatever the first one drew").isEqualTo(before);
        assertThat(shares(first)).isNotEqualTo(before);
    }

    private static double[] shares(Sampler sampler) {
        int draws = 20_000;
        double[] share = new double[LOGITS.length];
        for (int i = 0; i < draws; i++) {
            share[sampler.next(LOGITS, NONE)] += 1.0 / draws;
        }
        for (int i = 0; i < share.length; i++) {
            share[i] = Math.round(share[i] * draws) / (double) draws;
        }
        return share;
    }
}
