package tutti.worker.tensor.contract;

import static tutti.worker.tensor.contract.SideBySide.demand;
import static tutti.worker.tensor.contract.Tolerance.PRODUCT;
import static tutti.worker.tensor.contract.Tolerance.PRODUCT_ADDED;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.contract.Contract.Sizes;
import tutti.worker.tensor.contract.SideBySide.Pair;

/** matmul: both transposes, overwriting, adding in the compute dtype, and overwriting and adding into a master gradient. */
final class MatmulCases {
    private enum Into {
        OUT,
        SUM,
        FIRST_GRADIENT,
        GRADIENT
    }

    private MatmulCases() {}

    static List<ContractCase> all(Sizes sizes) {
        List<ContractCase> all = new ArrayList<>();
        for (Into into : Into.values()) {
            for (boolean transposeA : new boolean[] {false, true}) {
                for (boolean transposeB : new boolean[] {false, true}) {
                    all.add(matmul(into, 1, 1, 1, transposeA, transposeB, 1));
                    all.add(matmul(into, 1, 7, 3, transposeA, transposeB, 1));
                    all.add(matmul(into, 5, 1, 9, transposeA, transposeB, 1e6));
                    all.add(matmul(into, 33, 65, 17, transposeA, transposeB, 1e-6));
                    all.add(matmul(into, 128, 96, 64, transposeA, transposeB, 1));
                    all.add(matmul(into, 3, 1000, 2, transposeA, transposeB, 1));
                }
            }
            // More than a backend may want to hold at once.
            all.add(matmul(into, 600, 8, 500, true, false, 1));
            // The sizes that are drawn for the other kernels stay what they were.
            for (int i = 0; i < 8 && into != Into.FIRST_GRADIENT; i++) {
                all.add(matmul(
                        into,
                        sizes.upTo(150),
                        sizes.upTo(150),
                        sizes.upTo(150),
                        sizes.coin(),
                        sizes.coin(),
                        sizes.magnitude()));
            }
        }
        for (int[] shape : new int[][] {{1, 1}, {2, 3}, {40, 48}}) {
            all.add(longSum(shape[0], shape[1]));
        }
        all.add(new ContractCase("matmul", "adds 1/4096 to a master gradient of 64", sides -> {
            Pair one = sides.of("one", sides.compute(), new double[] {1.0 / 64}, 1, 1);
            Pair gradient = sides.of("gradient", sides.master(), new double[] {64}, 1, 1);
            sides.call(
                    (kernels, side) ->
                            kernels.matmul(side.of(gradient), side.of(one), false, side.of(one), false, true),
                    gradient);
            // Far below bfloat16's step at 64 and well inside float32's.
            sides.agreeRounded(gradient);
        }));
        all.add(new ContractCase("matmul", "refuses sizes and dtypes that do not fit", MatmulCases::refusals));
        return all;
    }

    private static ContractCase matmul(
            Into into, int rows, int inner, int columns, boolean transposeA, boolean transposeB, double magnitude) {
        String description = "into=%s rows=%d inner=%d columns=%d transposeA=%s transposeB=%s magnitude=%s"
                .formatted(into, rows, inner, columns, transposeA, transposeB, magnitude);
        return new ContractCase("matmul", description, sides -> {
            double product = magnitude * magnitude;
            Pair a = sides.activation("a", magnitude, transposeA ? inner : rows, transposeA ? rows : inner);
            Pair b = sides.activation("b", magnitude, transposeB ? columns : inner, transposeB ? inner : columns);
            Pair out = switch (into) {
                case OUT -> sides.output("out", rows, columns);
                case SUM -> sides.activation("sum", product, rows, columns);
                case FIRST_GRADIENT -> sides.output("gradient", sides.master(), rows, columns);
                case GRADIENT -> sides.weight("gradient", product, rows, columns);
            };
            boolean add = into == Into.SUM || into == Into.GRADIENT;
            sides.call(
                    (kernels, side) ->
                            kernels.matmul(side.of(out), side.of(a), transposeA, side.of(b), transposeB, add),
                    out);
            // A sum of so many terms of random sign is as large as their root, and its rounding with it.
            sides.agreeFrom(product * Math.sqrt(inner), add ? PRODUCT_ADDED : PRODUCT, out);
        });
    }

    /** A bfloat16 sum of ones would stop growing at 256. */
    private static ContractCase longSum(int rows, int columns) {
        String description = "rows=%d inner=4096 columns=%d, all ones".formatted(rows, columns);
        return new ContractCase("matmul", description, sides -> {
            Pair a = sides.of("a", sides.compute(), ones(rows * 4096), rows, 4096);
            Pair b = sides.of("b", sides.compute(), ones(columns * 4096), columns, 4096);
            Pair out = sides.output("out", rows, columns);
            sides.call(
                    (kernels, side) -> kernels.matmul(side.of(out), side.of(a), false, side.of(b), true, false), out);
            demand(Arrays.stream(Numbers.read(out.tested())).allMatch(x -> x == 4096), "4096 ones do not add up");
        });
    }

    private static double[] ones(int count) {
        double[] ones = new double[count];
        Arrays.fill(ones, 1);
        return ones;
    }

    private static void refusals(SideBySide sides) {
        Pair a = sides.activation("a", 1, 3, 4);
        Pair b = sides.activation("b", 1, 3, 5);
        Pair fits = sides.activation("fits", 1, 4, 5);
        Pair out = sides.output("out", 3, 5);
        Pair wrong = sides.output("wrong", 5, 3);
        Pair mixed = sides.normal("mixed", sides.otherDType(), 1, 4, 5);
        Pair narrow = sides.output("narrow", sides.compute() == DType.F64 ? DType.F32 : DType.F64, 3, 5);
        sides.refuse(
                "inner sizes differ",
                (kernels, side) -> kernels.matmul(side.of(out), side.of(a), false, side.of(b), false, false));
        sides.refuse(
                "out",
                (kernels, side) -> kernels.matmul(side.of(wrong), side.of(a), false, side.of(fits), false, false));
        sides.refuse(
                "dtype",
                (kernels, side) -> kernels.matmul(side.of(out), side.of(a), false, side.of(mixed), false, false));
        sides.refuse(
                narrow.tested().dtype().name(),
                (kernels, side) -> kernels.matmul(side.of(narrow), side.of(a), false, side.of(fits), false, false));
    }
}
