package tutti.worker.tensor.contract;

import static tutti.worker.tensor.contract.Tolerance.EXACT;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.Set;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.ReferenceKernels;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/**
 * Two copies of every tensor: in float64 for the reference, and in its own dtype for the backend under test. Inputs are rounded to
 * the narrow dtype first, so that what is compared is the kernel and not the rounding of its inputs.
 *
 * <p>A tested tensor lies between guard bytes, and an output starts as NaN. Every {@link #call} runs the backend twice from the
 * same contents and demands the same bits; that no guard byte changed; and that no tensor changed which is not named as written.
 */
public final class SideBySide implements AutoCloseable {
    /** Read as a number it is huge in every dtype, and out of range as an id: a kernel that reads past the end is seen as well. */
    private static final byte GUARD = 0x5a;

    /** NaN in every floating dtype. */
    private static final byte NAN = (byte) 0xff;

    private final Kernels reference = new ReferenceKernels();
    private final Kernels tested;
    private final DType compute;
    private final DType master;
    private final Random random;
    private final List<Arena> arenas = new ArrayList<>();
    private final List<Pair> pairs = new ArrayList<>();
    private Measured worst = new Measured("", 0, 0);

    public SideBySide(Kernels tested, DType compute, long seed) {
        this.tested = tested;
        this.compute = compute;
        this.master = tested.masterDType();
        this.random = new Random(seed);
    }

    /**
     * The same tensor twice.
     *
     * @param guarded the tested tensor with the guards around it; views of one tensor share it
     */
    public record Pair(String name, Tensor reference, Tensor tested, Tensor guarded) {
        Pair rows(long from, long count) {
            return new Pair(name, reference.rows(from, count), tested.rows(from, count), guarded);
        }

        Pair view(long... sizes) {
            return new Pair(name, reference.view(Shape.of(sizes)), tested.view(Shape.of(sizes)), guarded);
        }
    }

    /** Picks the tensor of one side. */
    @FunctionalInterface
    interface Side {
        Tensor of(Pair pair);
    }

    /** A call of one kernel, written once for both sides. */
    @FunctionalInterface
    interface Call {
        void on(Kernels kernels, Side side);
    }

    /** As {@link Call}, for a kernel that returns a number. */
    @FunctionalInterface
    interface NumberCall {
        double on(Kernels kernels, Side side);
    }

    record Answer(double expected, double actual) {}

    /** @param what was compared */
    record Measured(String what, double error, double tolerance) {
        /** Above 1 is too much. No error is nothing even where none is allowed. */
        double share() {
            return error == 0 ? 0 : error / tolerance;
        }

        @Override
        public String toString() {
            return String.format(Locale.ROOT, "%s: error=%.2e, allowed=%.2e", what, error, tolerance);
        }
    }

    /** A promise that is not about the size of an error. */
    static final class Broken extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Broken(String message) {
            super(message);
        }
    }

    Kernels tested() {
        return tested;
    }

    DType compute() {
        return compute;
    }

    DType master() {
        return master;
    }

    /** A floating dtype that is not the compute dtype. */
    DType otherDType() {
        return compute == DType.F32 ? DType.BF16 : DType.F32;
    }

    Random random() {
        return random;
    }

    Measured worst() {
        return worst;
    }

    // ---- tensors ----

    /** Standard normal times {@code magnitude}, in the compute dtype. */
    public Pair activation(String name, double magnitude, long... sizes) {
        return normal(name, compute, magnitude, sizes);
    }

    /** Standard normal times {@code magnitude}, in the master dtype. */
    public Pair weight(String name, double magnitude, long... sizes) {
        return normal(name, master, magnitude, sizes);
    }

    public Pair normal(String name, DType dtype, double magnitude, long... sizes) {
        double[] values = DoubleStream.generate(random::nextGaussian)
                .limit(Shape.of(sizes).count())
                .map(value -> value * magnitude)
                .toArray();
        return of(name, dtype, values, sizes);
    }

    /** To be overwritten: NaN everywhere. */
    Pair output(String name, DType dtype, long... sizes) {
        return take(name, DType.F64, dtype, Shape.of(sizes));
    }

    Pair output(String name, long... sizes) {
        return output(name, compute, sizes);
    }

    public Pair of(String name, DType dtype, double[] values, long... sizes) {
        double[] rounded =
                Arrays.stream(values).map(value -> Numbers.round(value, dtype)).toArray();
        Pair pair = output(name, dtype, sizes);
        Numbers.write(pair.reference, rounded);
        Numbers.write(pair.tested, rounded);
        return pair;
    }

    public Pair ids(String name, int... ids) {
        Pair pair = take(name, DType.I32, DType.I32, Shape.of(ids.length));
        Numbers.writeIds(pair.reference, ids);
        Numbers.writeIds(pair.tested, ids);
        return pair;
    }

    /** {@code count} ids below {@code below}. */
    public Pair randomIds(String name, int count, int below) {
        return ids(name, random.ints(count, 0, below).toArray());
    }

    Pair bytes(String name, byte... values) {
        Pair pair = take(name, DType.U8, DType.U8, Shape.of(values.length));
        Numbers.writeBits(pair.reference, values);
        Numbers.writeBits(pair.tested, values);
        return pair;
    }

    private Pair take(String name, DType wide, DType narrow, Shape shape) {
        Tensor left = arena(reference, name, Arena.bytesFor(wide, shape)).take(name, wide, shape);
        long guard = Arena.ALIGNMENT / narrow.bytes();
        Shape withGuards = Shape.of(guard + shape.count() + guard);
        Tensor guarded = arena(tested, name, Arena.bytesFor(narrow, withGuards)).take(name, narrow, withGuards);
        Tensor right = guarded.rows(guard, shape.count()).view(shape);
        fill(guarded, GUARD);
        fill(left, NAN);
        fill(right, NAN);
        Pair pair = new Pair(name, left, right, guarded);
        pairs.add(pair);
        return pair;
    }

    private Arena arena(Kernels kernels, String name, long bytes) {
        Arena arena = kernels.arena(name, bytes);
        arenas.add(arena);
        return arena;
    }

    private static void fill(Tensor tensor, byte value) {
        byte[] bits = new byte[(int) tensor.byteSize()];
        Arrays.fill(bits, value);
        Numbers.writeBits(tensor, bits);
    }

    // ---- calls ----

    /** @param written every tensor that the call may change */
    void call(Call call, Pair... written) {
        number(
                (kernels, side) -> {
                    call.on(kernels, side);
                    return 0;
                },
                written);
    }

    Answer number(NumberCall call, Pair... written) {
        double expected = call.on(reference, Pair::reference);
        List<byte[]> before = contents();
        double first = call.on(tested, Pair::tested);
        List<byte[]> after = contents();
        demandOthersUntouched(before, after, written);
        for (int i = 0; i < pairs.size(); i++) {
            Numbers.writeBits(pairs.get(i).guarded, before.get(i));
        }
        double second = call.on(tested, Pair::tested);
        List<byte[]> again = contents();
        for (int i = 0; i < pairs.size(); i++) {
            demand(
                    Arrays.equals(after.get(i), again.get(i)),
                    "%s: the same call gave other bits the second time",
                    pairs.get(i).name);
        }
        demand(
                Double.doubleToRawLongBits(first) == Double.doubleToRawLongBits(second),
                "the same call returned %s, then %s",
                first,
                second);
        return new Answer(expected, first);
    }

    /** The call must throw a BUG whose message holds {@code word}, before it has written anything. */
    void refuse(String word, Call call) {
        List<byte[]> before = contents();
        try {
            call.on(tested, Pair::tested);
        } catch (TuttiException e) {
            demand(e.category() == Category.BUG, "refused as %s, expected BUG: %s", e.category(), e.getMessage());
            demand(e.getMessage().contains(word), "the refusal does not name '%s': %s", word, e.getMessage());
            demandOthersUntouched(before, contents());
            return;
        }
        throw new Broken("was taken, expected a refusal that names '%s'".formatted(word));
    }

    private List<byte[]> contents() {
        return pairs.stream().map(pair -> Numbers.bits(pair.guarded)).toList();
    }

    private void demandOthersUntouched(List<byte[]> before, List<byte[]> after, Pair... written) {
        Set<Tensor> open = Stream.of(written).map(Pair::guarded).collect(Collectors.toSet());
        for (int i = 0; i < pairs.size(); i++) {
            Pair pair = pairs.get(i);
            byte[] bits = after.get(i);
            int end = bits.length - Arena.ALIGNMENT;
            for (int b = 0; b < Arena.ALIGNMENT; b++) {
                demand(bits[b] == GUARD, "%s: byte %d before its start was written", pair.name, Arena.ALIGNMENT - b);
                demand(bits[end + b] == GUARD, "%s: byte %d behind its end was written", pair.name, b);
            }
            demand(
                    open.contains(pair.guarded) || Arrays.equals(before.get(i), bits),
                    "%s: is only read, and was changed",
                    pair.name);
        }
    }

    // ---- comparison ----

    /** Errors over the largest expected magnitude: sums cancel, so one relative to each element would say nothing. */
    void agree(Tolerance tolerance, Pair... results) {
        agreeFrom(Double.MIN_NORMAL, tolerance, results);
    }

    /** As above for results that may cancel altogether: a magnitude below {@code least} counts as {@code least}. */
    void agreeFrom(double least, Tolerance tolerance, Pair... results) {
        for (Pair pair : results) {
            double[] expected = Numbers.read(pair.reference);
            double largest =
                    Math.max(least, Arrays.stream(expected).map(Math::abs).max().orElse(0));
            compare(tolerance, pair, expected, value -> largest);
        }
    }

    /** Errors over each expected element: for what cannot cancel. */
    void agreeEach(Tolerance tolerance, Pair... results) {
        for (Pair pair : results) {
            compare(tolerance, pair, Numbers.read(pair.reference), Math::abs);
        }
    }

    /** The reference's value rounded once to the tested tensor's dtype, and nothing else; NaN only where the reference says so. */
    void agreeRounded(Pair... results) {
        for (Pair pair : results) {
            double[] expected = Numbers.read(pair.reference);
            double[] actual = Numbers.read(pair.tested);
            double error = 0;
            for (int i = 0; i < expected.length; i++) {
                double right = Numbers.round(expected[i], pair.tested.dtype());
                if (Double.compare(right, actual[i]) != 0) {
                    // The wrong sign of a zero is an error too.
                    double off = relative(Math.abs(right - actual[i]), Math.abs(right));
                    error = Math.max(error, Math.max(off, Double.MIN_NORMAL));
                }
            }
            measure(pair.name, error, EXACT);
        }
    }

    void agree(Tolerance tolerance, String what, Answer answer) {
        double difference = Math.abs(answer.expected - answer.actual);
        measure(what, relative(difference, Math.abs(answer.expected)), tolerance);
    }

    /** As above for a number that may be far below what it is computed from: below {@code least} it counts as {@code least}. */
    void agreeFrom(double least, Tolerance tolerance, String what, Answer answer) {
        double difference = Math.abs(answer.expected - answer.actual);
        measure(what, relative(difference, Math.max(least, Math.abs(answer.expected))), tolerance);
    }

    private void compare(Tolerance tolerance, Pair pair, double[] expected, DoubleUnaryOperator magnitude) {
        double[] actual = Numbers.read(pair.tested);
        double error = 0;
        for (int i = 0; i < expected.length; i++) {
            double difference = Math.abs(expected[i] - actual[i]);
            error = Math.max(error, relative(difference, magnitude.applyAsDouble(expected[i])));
        }
        measure(pair.name, error, tolerance);
    }

    /** NaN loses every comparison, and an output that nobody wrote is NaN: it counts as infinitely wrong. */
    private static double relative(double difference, double magnitude) {
        double error = difference / Math.max(Double.MIN_NORMAL, magnitude);
        return Double.isNaN(error) ? Double.POSITIVE_INFINITY : error;
    }

    void measure(String what, double error, Tolerance tolerance) {
        Measured measured = new Measured(what, error, tolerance.of(compute));
        if (worst.what.isEmpty() || measured.share() > worst.share()) {
            worst = measured;
        }
    }

    static void demand(boolean ok, String format, Object... args) {
        if (!ok) {
            throw new Broken(String.format(Locale.ROOT, format, args));
        }
    }

    @Override
    public void close() {
        arenas.forEach(Arena::close);
        reference.close();
    }
}
