package tutti.worker.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentSkipListMap;

/**
 * Two arenas side by side: every value lies in float64 for the reference, and in its own dtype for the backend under test.
 * Inputs are rounded to the narrow dtype first, so that what is compared is the kernel and not the rounding of its inputs.
 */
final class SideBySide implements AutoCloseable {
    /** Largest error seen by dtype and tensor; printed by {@code -Dtutti.test.report=true}. */
    static final Map<String, Double> WORST = new ConcurrentSkipListMap<>();

    final Kernels reference = new ReferenceKernels();
    final Kernels tested;
    final DType compute;
    final DType master;
    private final Random random;
    private final Arena wide;
    private final Arena narrow;

    SideBySide(Kernels tested, DType compute, long seed) {
        this.tested = tested;
        this.compute = compute;
        this.master = tested.masterDType();
        this.random = new Random(seed);
        this.wide = reference.arena("reference", 16 << 20);
        this.narrow = tested.arena("tested", 16 << 20);
    }

    /** The same tensor twice. */
    record Pair(String name, Tensor reference, Tensor tested) {
        Pair rows(long from, long count) {
            return new Pair(name, reference.rows(from, count), tested.rows(from, count));
        }
    }

    /** Standard normal times {@code magnitude}, in the compute dtype. */
    Pair activation(String name, double magnitude, long... sizes) {
        return normal(name, compute, magnitude, sizes);
    }

    /** Standard normal times {@code magnitude}, in the master dtype. */
    Pair weight(String name, double magnitude, long... sizes) {
        return normal(name, master, magnitude, sizes);
    }

    Pair normal(String name, DType dtype, double magnitude, long... sizes) {
        double[] values = new double[(int) Shape.of(sizes).count()];
        for (int i = 0; i < values.length; i++) {
            values[i] = Numbers.round(random.nextGaussian() * magnitude, dtype);
        }
        return of(name, dtype, values, sizes);
    }

    Pair of(String name, DType dtype, double[] values, long... sizes) {
        return new Pair(
                name,
                Numbers.write(wide.take(name, DType.F64, Shape.of(sizes)), values),
                Numbers.write(narrow.take(name, dtype, Shape.of(sizes)), values));
    }

    Pair ids(String name, int... ids) {
        return new Pair(
                name,
                Numbers.writeIds(wide.take(name, DType.I32, Shape.of(ids.length)), ids),
                Numbers.writeIds(narrow.take(name, DType.I32, Shape.of(ids.length)), ids));
    }

    /** {@code count} ids below {@code below}. */
    Pair randomIds(String name, int count, int below) {
        return ids(name, random.ints(count, 0, below).toArray());
    }

    int below(int bound) {
        return random.nextInt(bound);
    }

    /**
     * Every element of the tested tensor lies within {@code tolerance} times the largest expected magnitude. Sums cancel, so an
     * error relative to each single element would say nothing.
     */
    void assertAgreement(double tolerance, Pair... pairs) {
        assertAgreementFrom(Double.MIN_NORMAL, tolerance, pairs);
    }

    /** As above for results that may cancel altogether: a magnitude below {@code least} counts as {@code least}. */
    void assertAgreementFrom(double least, double tolerance, Pair... pairs) {
        for (Pair pair : pairs) {
            double[] expected = Numbers.read(pair.reference);
            double[] actual = Numbers.read(pair.tested);
            double largest = least;
            double error = 0;
            for (int i = 0; i < expected.length; i++) {
                largest = Math.max(largest, Math.abs(expected[i]));
                double difference = Math.abs(expected[i] - actual[i]);
                // NaN loses every comparison: count it as infinitely wrong.
                error = Math.max(error, Double.isNaN(difference) ? Double.POSITIVE_INFINITY : difference);
            }
            assertClose(pair.name, error / largest, tolerance);
        }
    }

    void assertAgreement(double tolerance, String name, double expected, double actual) {
        double error = Math.abs(expected - actual) / Math.max(Math.abs(expected), Double.MIN_NORMAL);
        assertClose(name, Double.isNaN(error) ? Double.POSITIVE_INFINITY : error, tolerance);
    }

    private void assertClose(String name, double error, double tolerance) {
        WORST.merge(compute + " " + name, error, Math::max);
        assertThat(error)
                .as("%s in %s: largest error over the largest expected magnitude", name, compute)
                .isLessThanOrEqualTo(tolerance);
    }

    @Override
    public void close() {
        wide.close();
        narrow.close();
    }
}
