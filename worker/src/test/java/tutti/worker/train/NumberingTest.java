package tutti.worker.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import tutti.common.config.BatchConfig;
import tutti.common.config.DataConfig;
import tutti.common.config.DataFormat;
import tutti.common.config.SampleBy;
import tutti.worker.batch.BatchBuilder;

class NumberingTest {
    private static final BatchConfig PLAIN = new BatchConfig(false, false, List.of());
    private static final BatchConfig PACKED = new BatchConfig(true, false, List.of());
    private static final BatchConfig GROUPED = new BatchConfig(false, true, List.of());
    private static final int MAX = 64;
    private static final int[] LENGTHS = {60, 5, 17, 64, 16, 30, 12, 31};
    private static final int[] COUNTS = {5, 3};

    @Test
    void shouldStandForTheSamplesThemselvesUnlessAskedFor() {
        Numbering plain = numbering(PLAIN);
        assertThat(plain.count()).isEqualTo(8);
        assertThat(plain.longest()).isEqualTo(64);
        assertThat(plain.samples(3, new int[] {7, 0, 4})).containsExactly(7, 0, 4);
        assertThat(plain.fingerprint()).isEqualTo("data");
        assertThat(plain.notes()).isEmpty();
    }

    @Test
    void shouldStandForPacksAndSayHowFullTheyAre() {
        Numbering packed = numbering(PACKED);
        // In rows: 64 | 64 | 32 32 | 32 16 16.
        assertThat(packed.count()).isEqualTo(5);
        assertThat(all(packed, 0)).containsExactlyInAnyOrder(0, 1, 2, 3, 4, 5, 6, 7);
        assertThat(packed.notes()).containsExactly("packing: 8 samples in 5 packs of 64 tokens, 73.4 % full");
        assertThat(numbering(PACKED, 128).longest())
                .as("a pack may be longer than all samples")
                .isEqualTo(128);
    }

    @Test
    void shouldNeverGiveAMicroBatchMoreRowsThanItsPacksHave() {
        Random random = new Random(8);
        for (int round = 0; round < 100; round++) {
            int max = 2 + random.nextInt(100);
            int[] lengths = random.ints(200, 2, max + 1).toArray();
            Numbering packed = new Numbering(PACKED, data(true), 42, lengths, new int[] {200}, "data", max);
            int[] numbers = IntStream.range(0, packed.count()).toArray();
            for (int from = 0; from + 3 <= numbers.length; from += 3) {
                int[] samples = packed.samples(0, Arrays.copyOfRange(numbers, from, from + 3));
                assertThat(Arrays.stream(samples)
                                .map(sample -> BatchBuilder.rows(lengths[sample], max))
                                .sum())
                        .isLessThanOrEqualTo(3 * max);
                assertThat(Arrays.stream(samples).map(sample -> -lengths[sample]))
                        .isSorted();
            }
        }
    }

    @Test
    void shouldNumberByAscendingLengthWhereBatchesAreGrouped() {
        Numbering grouped = numbering(GROUPED);
        assertThat(all(grouped, 1)).containsExactly(1, 6, 4, 2, 5, 7, 0, 3);
        assertThat(grouped.longest()).isEqualTo(64);
    }

    @Test
    void shouldUseSamplesOfAnEntryAsOftenAsItsWeightSays() {
        Numbering weighted = numbering(new BatchConfig(false, false, List.of(0.4, 2.0)));
        assertThat(weighted.count()).isEqualTo(2 + 6);
        int[] used = new int[8];
        for (int epoch = 0; epoch < 5; epoch++) {
            Arrays.stream(all(weighted, epoch)).forEach(sample -> used[sample]++);
        }
        assertThat(used).containsExactly(2, 2, 2, 2, 2, 10, 10, 10);
        assertThat(weighted.notes())
                .containsExactly("weights: an epoch has 2 of the 5 samples of a.json, 6 of the 3 samples of b.json");
    }

    @Test
    void shouldMakePacksWithinAnEntryWhereTheyHaveWeights() {
        Numbering weighted = numbering(new BatchConfig(true, false, List.of(1.0, 2.0)));
        // In rows: 64 | 64 | 16 32 16 of the first entry, 32 32 | 16 of the second.
        assertThat(weighted.count()).isEqualTo(3 + 2 * 2);
        assertThat(all(weighted, 0)).hasSize(5 + 2 * 3);
        assertThat(IntStream.range(0, weighted.count())
                        .mapToObj(number -> weighted.samples(0, new int[] {number}))
                        .filter(pack -> Arrays.stream(pack).anyMatch(sample -> sample < 5)))
                .allMatch(pack -> Arrays.stream(pack).allMatch(sample -> sample < 5));
        assertThat(weighted.notes().get(1))
                .isEqualTo("weights: an epoch has 3 of the 3 packs of a.json, 4 of the 2 packs of b.json");
    }

    /** A run does not go on where a number stands for something else. */
    @Test
    void shouldHaveAFingerprintForEveryMeaningOfTheNumbers() {
        Set<String> fingerprints = new HashSet<>();
        List<BatchConfig> meanings = List.of(
                PLAIN,
                PACKED,
                GROUPED,
                new BatchConfig(false, false, List.of(0.4, 2.0)),
                new BatchConfig(false, false, List.of(2.0, 0.4)),
                new BatchConfig(true, false, List.of(0.4, 2.0)));
        meanings.forEach(meaning -> fingerprints.add(numbering(meaning).fingerprint()));
        fingerprints.add(numbering(PACKED, 65).fingerprint());
        assertThat(fingerprints).hasSize(meanings.size() + 1);
        assertThat(numbering(PACKED).fingerprint())
                .isEqualTo(numbering(PACKED).fingerprint())
                .isNotEqualTo(new Numbering(PACKED, data(true), 42, LENGTHS, COUNTS, "other", MAX).fingerprint());
    }

    @Test
    void shouldRefuseAnEntryThatHasAWeightAndNoSamples() {
        assertThatThrownBy(() -> new Numbering(
                        new BatchConfig(false, false, List.of(1.0, 2.0)),
                        data(true),
                        42,
                        LENGTHS,
                        new int[] {8, 0},
                        "data",
                        MAX))
                .hasMessageContaining("b.json: nothing to learn in any of its samples");
    }

    private static Numbering numbering(BatchConfig batches) {
        return numbering(batches, MAX);
    }

    private static Numbering numbering(BatchConfig batches, int maxLength) {
        return new Numbering(batches, data(!batches.weighted()), 42, LENGTHS, COUNTS, "data", maxLength);
    }

    private static DataConfig data(boolean shuffle) {
        return new DataConfig(
                List.of(Path.of("a.json"), Path.of("b.json")), shuffle, DataFormat.AUTO, Map.of(), SampleBy.LINE, "");
    }

    private static int[] all(Numbering numbering, long epoch) {
        return numbering.samples(epoch, IntStream.range(0, numbering.count()).toArray());
    }
}
