package tutti.worker.tensor.contract;

import static tutti.worker.tensor.contract.SideBySide.demand;
import static tutti.worker.tensor.contract.Tolerance.FLOAT64;
import static tutti.worker.tensor.contract.Tolerance.ROUNDED;
import static tutti.worker.tensor.contract.Tolerance.ROUNDED_TWICE;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import tutti.worker.tensor.Tensor;
import tutti.worker.tensor.contract.Contract.Sizes;
import tutti.worker.tensor.contract.SideBySide.Answer;
import tutti.worker.tensor.contract.SideBySide.Pair;

/** fill, copy, add, scale, axpy, squaredNorm. */
final class ElementwiseCases {
    /** Ties of bfloat16 both ways, its overflow, the smallest normal and subnormal numbers of float32, and what is no number. */
    private static final double[] CORNERS = {
        0,
        -0.0,
        1 + 0x1p-8,
        1 + 3 * 0x1p-8,
        -1 - 0x1p-8,
        1 + 0x1.01p-8,
        3.4e38,
        -3.4e38,
        0x1p-126,
        0x1p-149,
        Double.POSITIVE_INFINITY,
        Double.NEGATIVE_INFINITY,
        Double.NaN
    };

    private ElementwiseCases() {}

    static List<ContractCase> all(Sizes sizes) {
        List<ContractCase> all = new ArrayList<>();
        int[] counts = IntStream.concat(
                        IntStream.of(1, 17, 4099),
                        IntStream.generate(() -> sizes.upTo(3000)).limit(3))
                .distinct()
                .toArray();
        for (int n : counts) {
            all.add(fill(n, -2.5));
            all.add(copy(n));
            all.add(add(n, 1, 1e-3));
            all.add(axpy(n, -0.3, sizes.magnitude()));
            all.add(scale(n, 0.1, sizes.magnitude()));
        }
        all.add(fill(33, 0.1));
        all.add(fill(33, 0));
        all.add(copyCorners());
        all.add(add(31, 1e6, 1e-6));
        all.add(add(31, 1e30, 1e30));
        all.add(add(31, 1e-30, 1e-30));
        all.add(addInPlace("a", true, false));
        all.add(addInPlace("b", false, true));
        all.add(addInPlace("both", true, true));
        all.add(scale(65, 0, 1));
        all.add(scale(65, -1e-4, 1e6));
        all.add(axpy(65, 0, 1));
        all.add(axpy(65, 1e3, 1e6));
        for (int n : new int[] {1, 999, 32768, 1_100_003}) {
            all.add(squaredNorm(n, 1e15));
        }
        all.add(squaredNorm(sizes.upTo(5000), 1e-15));
        all.add(squaredNorm(sizes.upTo(5000), 1));
        all.add(squaredNorms(4097));
        all.add(squaredNorms(200_000));
        for (double bad : new double[] {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY}) {
            all.add(squaredNormOf(bad));
        }
        all.add(new ContractCase("copy", "refuses other counts", sides -> {
            Pair in = sides.activation("in", 1, 12);
            Pair out = sides.output("out", 11);
            sides.refuse("different counts", (kernels, side) -> kernels.copy(side.of(out), side.of(in)));
        }));
        all.add(new ContractCase("add", "refuses other shapes and mixed dtypes", sides -> {
            Pair a = sides.activation("a", 1, 3, 4);
            Pair b = sides.activation("b", 1, 3, 5);
            Pair other = sides.normal("other", sides.otherDType(), 1, 3, 4);
            sides.refuse("shapes differ", (kernels, side) -> kernels.add(side.of(a), side.of(a), side.of(b)));
            sides.refuse("dtype", (kernels, side) -> kernels.add(side.of(a), side.of(a), side.of(other)));
        }));
        all.add(new ContractCase("axpy", "refuses other shapes and mixed dtypes", sides -> {
            Pair y = sides.activation("y", 1, 3, 4);
            Pair x = sides.activation("x", 1, 4, 3);
            Pair other = sides.normal("other", sides.otherDType(), 1, 3, 4);
            sides.refuse("shapes differ", (kernels, side) -> kernels.axpy(side.of(y), 2, side.of(x)));
            sides.refuse("dtype", (kernels, side) -> kernels.axpy(side.of(y), 2, side.of(other)));
        }));
        return all;
    }

    private static ContractCase fill(int n, double value) {
        return new ContractCase("fill", "n=%d value=%s".formatted(n, value), sides -> {
            Pair out = sides.output("out", n);
            Pair master = sides.output("master", sides.master(), n);
            sides.call((kernels, side) -> kernels.fill(side.of(out), value), out);
            sides.call((kernels, side) -> kernels.fill(side.of(master), value), master);
            sides.agreeRounded(out, master);
        });
    }

    private static ContractCase copy(int n) {
        return new ContractCase("copy", "n=%d, master to compute and back".formatted(n), sides -> {
            Pair master = sides.weight("master", 1, n);
            Pair narrow = sides.output("narrow", 1, n);
            Pair back = sides.output("back", sides.master(), n);
            sides.call((kernels, side) -> kernels.copy(side.of(narrow), side.of(master)), narrow);
            sides.agreeRounded(narrow);
            // From here on both sides start from the narrow values.
            Numbers.write(narrow.reference(), Numbers.read(narrow.tested()));
            sides.call((kernels, side) -> kernels.copy(side.of(back), side.of(narrow)), back);
            sides.agreeRounded(back);
        });
    }

    private static ContractCase copyCorners() {
        return new ContractCase("copy", "ties, overflow, subnormal, infinite, NaN", sides -> {
            Pair master = sides.of("master", sides.master(), CORNERS, CORNERS.length);
            Pair narrow = sides.output("narrow", CORNERS.length);
            sides.call((kernels, side) -> kernels.copy(side.of(narrow), side.of(master)), narrow);
            sides.agreeRounded(narrow);
        });
    }

    /** A sum of two is rounded once, so there is one right answer. */
    private static ContractCase add(int n, double magnitudeA, double magnitudeB) {
        return new ContractCase("add", "n=%d magnitudes=%s,%s".formatted(n, magnitudeA, magnitudeB), sides -> {
            Pair a = sides.activation("a", magnitudeA, n);
            Pair b = sides.activation("b", magnitudeB, n);
            Pair out = sides.output("out", n);
            sides.call((kernels, side) -> kernels.add(side.of(out), side.of(a), side.of(b)), out);
            sides.agreeRounded(out);
        });
    }

    private static ContractCase addInPlace(String which, boolean first, boolean second) {
        return new ContractCase("add", "n=1031, out is " + which, sides -> {
            Pair out = sides.activation("out", 1, 1031);
            Pair a = first ? out : sides.activation("a", 1, 1031);
            Pair b = second ? out : sides.activation("b", 1, 1031);
            sides.call((kernels, side) -> kernels.add(side.of(out), side.of(a), side.of(b)), out);
            sides.agreeRounded(out);
        });
    }

    private static ContractCase scale(int n, double alpha, double magnitude) {
        return new ContractCase("scale", "n=%d alpha=%s magnitude=%s".formatted(n, alpha, magnitude), sides -> {
            Pair x = sides.activation("x", magnitude, n);
            sides.call((kernels, side) -> kernels.scale(side.of(x), alpha), x);
            sides.agreeEach(ROUNDED, x);
        });
    }

    private static ContractCase axpy(int n, double alpha, double magnitude) {
        return new ContractCase("axpy", "n=%d alpha=%s magnitude=%s".formatted(n, alpha, magnitude), sides -> {
            Pair y = sides.activation("y", 1, n);
            Pair x = sides.activation("x", magnitude, n);
            sides.call((kernels, side) -> kernels.axpy(side.of(y), alpha, side.of(x)), y);
            // alpha x may be rounded by itself, and may cancel against y.
            sides.agreeFrom(Math.max(1, Math.abs(alpha) * magnitude), ROUNDED_TWICE, y);
        });
    }

    /** Squares of 1e15 summed in float32 would lose digits, and of 1e-15 vanish. */
    private static ContractCase squaredNorm(int n, double magnitude) {
        return new ContractCase("squaredNorm", "n=%d magnitude=%s".formatted(n, magnitude), sides -> {
            Pair x = sides.activation("x", magnitude, n);
            Pair master = sides.weight("master", magnitude, n);
            sides.agree(FLOAT64, "activation", sides.number((kernels, side) -> kernels.squaredNorm(side.of(x))));
            sides.agree(FLOAT64, "master", sides.number((kernels, side) -> kernels.squaredNorm(side.of(master))));
        });
    }

    private static ContractCase squaredNorms(int n) {
        return new ContractCase("squaredNorms", "n=%d and a few".formatted(n), sides -> {
            Pair first = sides.weight("first", 1, n);
            Pair second = sides.activation("second", 1, 7);
            for (int i = 0; i < 2; i++) {
                int one = i;
                sides.agree(FLOAT64, "part " + i, sides.number((kernels, side) -> {
                    List<Tensor> parts = List.of(side.of(first), side.of(second));
                    double[] norms = new double[2];
                    kernels.squaredNorms(parts, norms);
                    double alone = kernels.squaredNorm(parts.get(one));
                    demand(norms[one] == alone, "as one of several %s, alone %s", norms[one], alone);
                    return norms[one];
                }));
            }
        });
    }

    private static ContractCase squaredNormOf(double bad) {
        return new ContractCase("squaredNorm", "n=40000, one is " + bad, sides -> {
            Pair x = sides.activation("x", 1, 40_000);
            Numbers.write(x.reference().rows(39_999, 1), bad);
            Numbers.write(x.tested().rows(39_999, 1), bad);
            Answer answer = sides.number((kernels, side) -> kernels.squaredNorm(side.of(x)));
            demand(
                    Double.compare(answer.expected(), answer.actual()) == 0,
                    "returned %s, expected %s",
                    answer.actual(),
                    answer.expected());
        });
    }
}
