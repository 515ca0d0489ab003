package tutti.common.shard;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class BestFitTest {

    @Test
    void shouldFillTheFullestPackThatHasRoom() {
        assertThat(packs(10, 6, 3, 7, 4, 2, 8)).containsExactly("[0, 3]", "[1, 2]", "[4, 5]");
    }

    @Test
    void shouldFillTheOlderOfTwoThatAreEquallyFull() {
        assertThat(packs(10, 6, 6, 4)).containsExactly("[0, 2]", "[1]");
    }

    @Test
    void shouldLeaveSamplesAsLongAsAPackAlone() {
        assertThat(packs(4, 4, 4, 1)).containsExactly("[0]", "[1]", "[2]");
        assertThat(packs(4)).isEmpty();
    }

    @Test
    void shouldPackAsASearchThroughAllPacksDoes() {
        Random random = new Random(3);
        for (int round = 0; round < 300; round++) {
            int capacity = 1 + random.nextInt(64);
            int[] rows = random.ints(random.nextInt(200), 1, capacity + 1).toArray();
            int[][] packs = BestFit.packs(rows, capacity);
            assertThat(packs).isDeepEqualTo(searched(rows, capacity));
            assertThat(Arrays.stream(packs).flatMapToInt(Arrays::stream).sorted())
                    .as("each once")
                    .containsExactlyElementsOf(
                            IntStream.range(0, rows.length).boxed().toList());
            assertThat(Arrays.stream(packs))
                    .as("none is too full")
                    .allMatch(pack ->
                            Arrays.stream(pack).map(sample -> rows[sample]).sum() <= capacity);
        }
    }

    /** A million samples in about a second: a search through all packs would take hours. */
    @Test
    void shouldWasteLittleOfManyShortSamples() {
        int[] rows = new Random(1).ints(1_000_000, 20, 400).toArray();
        int packs = BestFit.packs(rows, 2048).length;
        long all = Arrays.stream(rows).asLongStream().sum();
        assertThat((double) all / (packs * 2048L)).isGreaterThan(0.999);
    }

    private static List<String> packs(int capacity, int... rows) {
        return Arrays.stream(BestFit.packs(rows, capacity))
                .map(Arrays::toString)
                .toList();
    }

    /** The slow twin: O(N^2). */
    private static int[][] searched(int[] rows, int capacity) {
        List<List<Integer>> packs = new ArrayList<>();
        // When each got what it has: of equally full packs the one that has been so for longest is taken.
        List<Integer> filled = new ArrayList<>();
        int time = 0;
        for (int sample : IntStream.range(0, rows.length)
                .boxed()
                .sorted(Comparator.comparingInt(number -> -rows[number]))
                .toList()) {
            int best = -1;
            for (int pack = 0; pack < packs.size(); pack++) {
                int free = free(packs.get(pack), rows, capacity);
                int least = best < 0 ? Integer.MAX_VALUE : free(packs.get(best), rows, capacity);
                if (free >= rows[sample] && (free < least || free == least && filled.get(pack) < filled.get(best))) {
                    best = pack;
                }
            }
            if (best < 0) {
                best = packs.size();
                packs.add(new ArrayList<>());
                filled.add(0);
            }
            packs.get(best).add(sample);
            filled.set(best, ++time);
        }
        return packs.stream()
                .map(pack -> pack.stream().mapToInt(Integer::intValue).sorted().toArray())
                .sorted(Comparator.comparingInt(pack -> pack[0]))
                .toArray(int[][]::new);
    }

    private static int free(List<Integer> pack, int[] rows, int capacity) {
        return capacity - pack.stream().mapToInt(sample -> rows[sample]).sum();
    }
}
