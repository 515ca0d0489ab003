package tutti.coordinator.run;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/** Finds ranks that compute longer than the others, waits not counted: all go at their pace. Used by one thread. */
final class Stragglers {
    private static final int WINDOW = 20;
    /** Below that it may be the lengths of its samples. */
    private static final double RATIO = 1.5;

    private final double[][] windows;
    private final int[] filled;
    /** Those of the last window: each is told once, until it has caught up. */
    private Set<Integer> known = Set.of();

    Stragglers(int worldSize) {
        windows = new double[worldSize][WINDOW];
        filled = new int[worldSize];
    }

    /**
     * @param millis median of a step's computing on that rank
     * @param others median of the other ranks' medians
     */
    record Straggler(int rank, double millis, double others) {
        String describe() {
            return "rank %d computes %.0f ms a step, the others %.0f ms: all wait for it"
                    .formatted(rank, millis, others);
        }
    }

    /**
     * One step of one rank.
     *
     * @return those that were found now, each time that all ranks have told of {@value #WINDOW} steps
     */
    List<Straggler> add(int rank, double millis) {
        if (filled[rank] < WINDOW) {
            windows[rank][filled[rank]++] = millis;
        }
        if (Arrays.stream(filled).anyMatch(count -> count < WINDOW)) {
            return List.of();
        }
        Arrays.fill(filled, 0);
        double[] medians =
                Arrays.stream(windows).mapToDouble(Stragglers::median).toArray();
        List<Straggler> found = new ArrayList<>();
        Set<Integer> slow = new HashSet<>();
        for (int i = 0; i < medians.length; i++) {
            int self = i;
            double others = median(IntStream.range(0, medians.length)
                    .filter(other -> other != self)
                    .mapToDouble(other -> medians[other])
                    .toArray());
            if (medians[i] > RATIO * others) {
                slow.add(i);
                if (!known.contains(i)) {
                    found.add(new Straggler(i, medians[i], others));
                }
            }
        }
        known = slow;
        return found;
    }

    /** The lower one of two; no number of none, which is less than nothing. */
    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted.length == 0 ? Double.NaN : sorted[(sorted.length - 1) / 2];
    }
}
