package tutti.worker.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SamplerTest {
    /** Probabilities 0.1, 0.6, 0.3 at temperature 1. */
    private static final float[] LOGITS = {(float) Math.log(0.1), (float) Math.log(0.6), (float) Math.log(0.3)};

    @Test
    void shouldTakeTheLargestLogitAtTemperatureZero() {
        assertThat(Sampler.GREEDY.next(LOGITS)).isEqualTo(1);
        assertThat(Sampler.GREEDY.next(new float[] {2, 5, 5})).isEqualTo(1);
    }

    @Test
    void shouldDrawEachTokenAsOftenAsItIsLikely() {
        double[] share = shares(new Sampler(1, 0, 1, new SplittableRandom(1)));
        // Three standard deviations of 20,000 draws.
        assertThat(share[0]).isCloseTo(0.1, within(0.011));
        assertThat(share[1]).isCloseTo(0.6, within(0.011));
        assertThat(share[2]).isCloseTo(0.3, within(0.011));
    }

    @Test
    void shouldDrawOnlyFromTheTopK() {
        double[] share = shares(new Sampler(1, 2, 1, new SplittableRandom(1)));
        assertThat(share[0]).isZero();
        assertThat(share[1]).isCloseTo(2 / 3.0, within(0.011));
    }

    @Test
    void shouldDrawOnlyFromTheSmallestSetThatReachesTopP() {
        assertThat(shares(new Sampler(1, 0, 0.6, new SplittableRandom(1)))[1]).isEqualTo(1);
        assertThat(shares(new Sampler(1, 0, 0.7, new SplittableRandom(1)))[0]).isZero();
    }

    @Test
    void shouldNeverDrawWhatHasNoProbability() {
        Sampler sampler = new Sampler(1, 0, 1, new SplittableRandom(1));
        float[] logits = {Float.NEGATIVE_INFINITY, 0, Float.NEGATIVE_INFINITY, 0, Float.NEGATIVE_INFINITY};
        for (int i = 0; i < 1000; i++) {
            assertThat(sampler.next(logits)).isIn(1, 3);
        }
    }

    @Test
    void shouldRepeatItsDrawsFromTheSameSeed() {
        assertThat(shares(new Sampler(1, 0, 1, new SplittableRandom(7))))
                .isEqualTo(shares(new Sampler(1, 0, 1, new SplittableRandom(7))));
    }

    private static double[] shares(Sampler sampler) {
        int draws = 20_000;
        double[] share = new double[LOGITS.length];
        for (int i = 0; i < draws; i++) {
            share[sampler.next(LOGITS)] += 1.0 / draws;
        }
        for (int i = 0; i < share.length; i++) {
            share[i] = Math.round(share[i] * draws) / (double) draws;
        }
        return share;
    }
}
