package tutti.common.shard;

import static tutti.common.error.TuttiException.require;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import tutti.common.error.Category;

/**
 * An epoch of a data set in parts, whose samples are used so often as the part's weight says. Part f with N samples has P = round(weight
 * N) places in every epoch, at least one. It has an order of its samples that is fixed for the run, and goes round and round in it: place
 * k of epoch e is element (e P + k) mod N. So after any number of epochs no sample of a part was used more than once more than another.
 */
public final class Mixture {
    private final List<Path> parts;
    private final int[] firstSample;
    private final int[] firstPlace;
    private final int[][] orders;

    /**
     * @param parts where they lie
     * @param counts samples of each part, which are numbered part by part
     * @param weights one for each part
     * @param shuffle the orders are drawn from the seed; otherwise file order
     * @throws tutti.common.error.TuttiException (data) if a part has no samples; (user) if an epoch is too long
     */
    public Mixture(List<Path> parts, int[] counts, List<Double> weights, boolean shuffle, long seed) {
        this.parts = List.copyOf(parts);
        firstSample = new int[counts.length + 1];
        firstPlace = new int[counts.length + 1];
        orders = new int[counts.length][];
        for (int part = 0; part < counts.length; part++) {
            require(
                    counts[part] > 0,
                    Category.DATA,
                    "%s: nothing to learn in any of its samples, so --data_weights has nothing to take from it; leave it out of "
                            + "--data_path",
                    parts.get(part));
            double places = firstPlace[part] + Math.max(1, Math.rint(weights.get(part) * counts[part]));
            require(
                    places <= Integer.MAX_VALUE,
                    "--data_weights=%s: %.4g samples an epoch, at most %d; give smaller ones, in proportion",
                    weights,
                    places,
                    Integer.MAX_VALUE);
            firstSample[part + 1] = firstSample[part] + counts[part];
            firstPlace[part + 1] = (int) places;
            // Epochs draw from 0 on, so parts are far from all of them.
            orders[part] =
                    shuffle ? EpochOrder.shuffled(counts[part], seed, -2 - part) : EpochOrder.fileOrder(counts[part]);
        }
    }

    /** Of an epoch. */
    public int places() {
        return firstPlace[orders.length];
    }

    /** The number of the sample that is used there. */
    public int sample(long epoch, int place) {
        int found = Arrays.binarySearch(firstPlace, place);
        int part = found >= 0 ? found : -found - 2;
        long count = orders[part].length;
        long behind = epoch % count * placesOf(part) + place - firstPlace[part];
        return firstSample[part] + orders[part][(int) (behind % count)];
    }

    /**
     * One line for people.
     *
     * @param unit what is counted, in the plural
     */
    public String describe(String unit) {
        return IntStream.range(0, orders.length)
                .mapToObj(part ->
                        "%,d of the %,d %s of %s".formatted(placesOf(part), orders[part].length, unit, parts.get(part)))
                .collect(Collectors.joining(", ", "weights: an epoch has ", ""));
    }

    /** All that the constructor was told but the orders: where each part begins, among samples and places. */
    @Override
    public String toString() {
        return "Mixture[%s, %s]".formatted(Arrays.toString(firstSample), Arrays.toString(firstPlace));
    }

    private int placesOf(int part) {
        return firstPlace[part + 1] - firstPlace[part];
    }
}
