package tutti.common.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class MixtureTest {

    @Test
    void shouldTakeEveryOtherSampleInOneEpochAndTheOthersInTheNext() {
        Mixture mixture = mixture(false, new int[] {4, 3}, 0.5, 2);
        assertThat(mixture.places()).isEqualTo(2 + 6);
        assertThat(epoch(mixture, 0)).containsExactly(0, 1, 4, 5, 6, 4, 5, 6);
        assertThat(epoch(mixture, 1)).containsExactly(2, 3, 4, 5, 6, 4, 5, 6);
        assertThat(epoch(mixture, 2)).isEqualTo(epoch(mixture, 0));
    }

    @Test
    void shouldDrawTheOrderOfEachPartFromTheSeed() {
        int[] first = epoch(mixture(true, new int[] {100, 100}, 0.5, 0.5), 0);
        assertThat(first).isEqualTo(epoch(mixture(true, new int[] {100, 100}, 0.5, 0.5), 0));
        assertThat(Arrays.copyOf(first, 50)).isNotEqualTo(IntStream.range(0, 50).toArray());
        assertThat(Arrays.copyOf(first, 50))
                .isNotEqualTo(Arrays.stream(first)
                        .skip(50)
                        .map(sample -> sample - 100)
                        .toArray());
    }

    /** After every epoch, not after the last alone; with epochs as far on as steps can be counted. */
    @Test
    void shouldUseTheSamplesOfAPartEquallyOften() {
        Random random = new Random(9);
        for (int round = 0; round < 300; round++) {
            int[] counts = random.ints(1 + random.nextInt(4), 1, 30).toArray();
            double[] weights = random.doubles(counts.length, 0.01, 3).toArray();
            Mixture mixture = mixture(true, counts, weights);
            int[] used = new int[Arrays.stream(counts).sum()];
            long from = random.nextBoolean() ? 0 : random.nextLong(1L << 50);
            for (long epoch = from; epoch < from + 20; epoch++) {
                Arrays.stream(epoch(mixture, epoch)).forEach(sample -> used[sample]++);
                int first = 0;
                for (int part = 0; part < counts.length; part++) {
                    int[] times = Arrays.copyOfRange(used, first, first + counts[part]);
                    assertThat(Arrays.stream(times).max().getAsInt()
                                    - Arrays.stream(times).min().getAsInt())
                            .as("part of %d with weight %s", counts[part], weights[part])
                            .isLessThanOrEqualTo(1);
                    assertThat(Arrays.stream(times).sum()).isEqualTo((int)
                            ((epoch - from + 1) * Math.max(1, Math.rint(weights[part] * counts[part]))));
                    first += counts[part];
                }
            }
        }
    }

    @Test
    void shouldSayWhatAnEpochHas() {
        assertThat(mixture(true, new int[] {2000, 3}, 0.5, 0.01).describe("samples"))
                .isEqualTo("weights: an epoch has 1,000 of the 2,000 samples of part-0, 1 of the 3 samples of part-1");
    }

    @Test
    void shouldRefuseAPartWithoutSamplesAndAnEpochThatCannotBeCounted() {
        assertThatThrownBy(() -> mixture(true, new int[] {3, 0}, 1, 2))
                .hasMessageContaining("part-1: nothing to learn in any of its samples");
        assertThatThrownBy(() -> mixture(true, new int[] {3, 3}, 1, 1e9))
                .hasMessageContaining("--data_weights=[1.0, 1.0E9]: 3.000e+09 samples an epoch, at most 2147483647");
    }

    private static Mixture mixture(boolean shuffle, int[] counts, double... weights) {
        List<Path> parts = IntStream.range(0, counts.length)
                .mapToObj(part -> Path.of("part-" + part))
                .toList();
        return new Mixture(parts, counts, DoubleStream.of(weights).boxed().toList(), shuffle, 42);
    }

    private static int[] epoch(Mixture mixture, long epoch) {
        return IntStream.range(0, mixture.places())
                .map(place -> mixture.sample(epoch, place))
                .toArray();
    }
}
