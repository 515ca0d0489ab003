package tutti.deploy.bench;

import java.util.Arrays;
import java.util.Collection;

/** A middle and its ends, in the unit of what was measured; the median of an even number is the mean of the two in the middle. */
public record Spread(double median, double min, double max) {

    /** @throws IllegalArgumentException if there is nothing to summarise */
    static Spread of(Collection<Double> values) {
        double[] sorted =
                values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        if (sorted.length == 0) {
            throw new IllegalArgumentException("a spread needs at least one value");
        }
        double[] middle = Arrays.copyOfRange(sorted, (sorted.length - 1) / 2, sorted.length / 2 + 1);
        return new Spread(Arrays.stream(middle).average().orElseThrow(), sorted[0], sorted[sorted.length - 1]);
    }
}
