package tutti.common.shard;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * Packing by best fit decreasing, TRL's {@code bfd} (Ding et al. 2024, "Fewer Truncations Improve Language Modeling"): the longest sample
 * first, each into the fullest pack that has room for it. No sample is cut. The same lengths give the same packs on every machine.
 */
public final class BestFit {
    private BestFit() {}

    /**
     * Takes O(N log capacity).
     *
     * @param rows of N samples, each of 1..capacity
     * @param capacity rows of a pack
     * @return the numbers of each pack's samples, ascending; packs by their first sample
     */
    public static int[][] packs(int[] rows, int capacity) {
        int[] packOf = new int[rows.length];
        int packs = 0;
        // By free rows; of equally full packs the oldest is filled first.
        NavigableMap<Integer, ArrayDeque<Integer>> open = new TreeMap<>();
        int[] unused = Arrays.stream(rows).map(row -> capacity - row).toArray();
        for (int sample : LengthOrder.ascending(unused, capacity)) {
            Map.Entry<Integer, ArrayDeque<Integer>> fullest = open.ceilingEntry(rows[sample]);
            int free = fullest == null ? capacity : fullest.getKey();
            int pack = fullest == null ? packs++ : fullest.getValue().remove();
            if (fullest != null && fullest.getValue().isEmpty()) {
                open.remove(free);
            }
            packOf[sample] = pack;
            if (free > rows[sample]) {
                open.computeIfAbsent(free - rows[sample], any -> new ArrayDeque<>())
                        .add(pack);
            }
        }
        return members(packOf, packs);
    }

    private static int[][] members(int[] packOf, int packs) {
        int[] sizes = new int[packs];
        for (int pack : packOf) {
            sizes[pack]++;
        }
        int[][] members = Arrays.stream(sizes).mapToObj(int[]::new).toArray(int[][]::new);
        Arrays.fill(sizes, 0);
        for (int sample = 0; sample < packOf.length; sample++) {
            members[packOf[sample]][sizes[packOf[sample]]++] = sample;
        }
        Arrays.sort(members, Comparator.comparingInt(pack -> pack[0]));
        return members;
    }
}
