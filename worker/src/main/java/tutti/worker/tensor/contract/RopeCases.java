package tutti.worker.tensor.contract;

import static tutti.worker.tensor.contract.Tolerance.ROUNDED;

import java.util.ArrayList;
import java.util.List;
import tutti.worker.tensor.contract.Contract.Sizes;
import tutti.worker.tensor.contract.SideBySide.Pair;

/** rope, forward and inverse; the inverse is the backward. */
final class RopeCases {
    private static final int P = 50;

    private RopeCases() {}

    static List<ContractCase> all(Sizes sizes) {
        List<ContractCase> all = new ArrayList<>();
        for (boolean inverse : new boolean[] {false, true}) {
            all.add(rope(1, 1, 2, inverse, 1));
            all.add(rope(5, 3, 6, inverse, 1));
            all.add(rope(33, 4, 64, inverse, 1));
            // More than a backend may want to hold at once.
            all.add(rope(530, 16, 64, inverse, 1));
            for (int i = 0; i < 4; i++) {
                all.add(rope(sizes.upTo(70), sizes.upTo(9), 2 * sizes.upTo(40), inverse, sizes.magnitude()));
            }
        }
        all.add(new ContractCase("rope", "there and back", sides -> {
            Pair x = sides.activation("x", 1, 9, 2, 8);
            double[] before = Numbers.read(x.tested());
            Pair positions = sides.randomIds("positions", 9, P);
            Pair cos = table(sides, "cos", 8);
            Pair sin = table(sides, "sin", 8);
            rotate(sides, x, cos, sin, positions, false);
            rotate(sides, x, cos, sin, positions, true);
            double[] after = Numbers.read(x.tested());
            double error = 0;
            for (int i = 0; i < after.length; i++) {
                error = Math.max(error, Math.abs(after[i] - before[i]) / 3);
            }
            sides.measure("x", error, Tolerance.ROUNDED_TWICE);
        }));
        for (int position : new int[] {-1, P}) {
            all.add(new ContractCase("rope", "refuses position=%d of P=%d".formatted(position, P), sides -> {
                Pair x = sides.activation("x", 1, 2, 1, 4);
                Pair positions = sides.ids("positions", 0, position);
                Pair cos = table(sides, "cos", 4);
                Pair sin = table(sides, "sin", 4);
                sides.refuse(
                        Integer.toString(position),
                        (kernels, side) ->
                                kernels.rope(side.of(x), side.of(cos), side.of(sin), side.of(positions), false));
            }));
        }
        all.add(new ContractCase("rope", "refuses an odd head and other tables", sides -> {
            Pair odd = sides.activation("odd", 1, 2, 1, 5);
            Pair x = sides.activation("x", 1, 2, 1, 6);
            Pair positions = sides.ids("positions", 0, 1);
            Pair cos = table(sides, "cos", 4);
            Pair sin = table(sides, "sin", 4);
            sides.refuse(
                    "even",
                    (kernels, side) ->
                            kernels.rope(side.of(odd), side.of(cos), side.of(sin), side.of(positions), false));
            sides.refuse(
                    "cos",
                    (kernels, side) -> kernels.rope(side.of(x), side.of(cos), side.of(sin), side.of(positions), false));
        }));
        return all;
    }

    private static ContractCase rope(int N, int H, int D, boolean inverse, double magnitude) {
        String description = "N=%d H=%d D=%d inverse=%s magnitude=%s".formatted(N, H, D, inverse, magnitude);
        return new ContractCase("rope", description, sides -> {
            Pair x = sides.activation("x", magnitude, N, H, D);
            // Drawn: some positions repeat, none ascend.
            Pair positions = sides.randomIds("positions", N, P);
            Pair cos = table(sides, "cos", D);
            Pair sin = table(sides, "sin", D);
            rotate(sides, x, cos, sin, positions, inverse);
            sides.agree(ROUNDED, x);
        });
    }

    private static void rotate(SideBySide sides, Pair x, Pair cos, Pair sin, Pair positions, boolean inverse) {
        sides.call(
                (kernels, side) -> kernels.rope(side.of(x), side.of(cos), side.of(sin), side.of(positions), inverse),
                x);
    }

    /** (P,D/2) cosines or sines of the usual angles. */
    private static Pair table(SideBySide sides, String name, int D) {
        double[] values = new double[P * D / 2];
        for (int i = 0; i < values.length; i++) {
            double angle = (i / (D / 2)) / Math.pow(10_000, 2.0 * (i % (D / 2)) / D);
            values[i] = name.equals("cos") ? Math.cos(angle) : Math.sin(angle);
        }
        return sides.of(name, sides.master(), values, P, D / 2);
    }
}
