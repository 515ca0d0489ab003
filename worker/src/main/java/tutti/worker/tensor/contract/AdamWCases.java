package tutti.worker.tensor.contract;

import static tutti.worker.tensor.contract.SideBySide.demand;
import static tutti.worker.tensor.contract.Tolerance.MASTER;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import tutti.worker.tensor.Kernels.AdamWStep;
import tutti.worker.tensor.contract.Contract.Sizes;
import tutti.worker.tensor.contract.SideBySide.Pair;

/** adamW: several updates, with and without a compute copy, on shards as on the whole. */
final class AdamWCases {
    private static final int GRAD = 4;

    private AdamWCases() {}

    static List<ContractCase> all(Sizes sizes) {
        List<ContractCase> all = new ArrayList<>();
        for (boolean copy : new boolean[] {false, true}) {
            all.add(updates(1, 1, copy));
            all.add(updates(1001, 1, copy));
            all.add(updates(sizes.upTo(3000), 1e-12, copy));
            all.add(updates(sizes.upTo(3000), 1e12, copy));
        }
        // More than a backend may want to hold at once.
        all.add(updates(1_100_003, 1, true));
        all.add(new ContractCase(
                "adamW", "shards of 1, 333, 7 and 662 give the bits of the whole", AdamWCases::shards));
        all.add(new ContractCase("adamW", "refuses other shapes and dtypes", sides -> {
            Pair weight = sides.weight("weight", 1, 6);
            Pair m = sides.weight("m", 1, 6);
            Pair v = sides.weight("v", 0, 6);
            Pair grad = sides.weight("grad", 1, 6);
            Pair longer = sides.weight("longer", 1, 7);
            Pair mixed = sides.normal(
                    "mixed", sides.otherDType() == sides.master() ? sides.compute() : sides.otherDType(), 1, 6);
            AdamWStep step = new AdamWStep(1e-3, 0.9, 0.999, 1e-8, 0, 1, 1);
            sides.refuse(
                    "shapes differ",
                    (kernels, side) -> kernels.adamW(
                            side.of(weight), side.of(weight), side.of(m), side.of(v), side.of(longer), step));
            sides.refuse(
                    "dtype",
                    (kernels, side) -> kernels.adamW(
                            side.of(weight), side.of(weight), side.of(m), side.of(v), side.of(mixed), step));
            sides.refuse(
                    "dtype",
                    (kernels, side) ->
                            kernels.adamW(side.of(mixed), side.of(mixed), side.of(m), side.of(v), side.of(grad), step));
        }));
        return all;
    }

    /** Three updates with gradients that grow tenfold. */
    private static ContractCase updates(int n, double magnitude, boolean withCopy) {
        String description = "n=%d gradients=%s copy=%s".formatted(n, magnitude, withCopy ? "compute" : "weight");
        return new ContractCase("adamW", description, sides -> {
            Pair weight = sides.weight("weight", 1, n);
            Pair copy = withCopy ? sides.output("copy", n) : weight;
            Pair m = sides.weight("m", 0, n);
            Pair v = sides.weight("v", 0, n);
            for (int t = 1; t <= 3; t++) {
                Pair grad = sides.weight("grad", magnitude * Math.pow(10, t - 2), n);
                AdamWStep step = new AdamWStep(1e-2, 0.9, 0.999, 1e-8, 0.1, t, 0.5);
                sides.call(
                        (kernels, side) -> kernels.adamW(
                                side.of(weight), side.of(copy), side.of(m), side.of(v), side.of(grad), step),
                        weight,
                        copy,
                        m,
                        v,
                        grad);
            }
            sides.agree(MASTER, weight, m, v);
            demandRounded(sides, weight, copy);
        });
    }

    /** The copy is the weight that was written, rounded to nearest. */
    private static void demandRounded(SideBySide sides, Pair weight, Pair copy) {
        double[] rounded = Arrays.stream(Numbers.read(weight.tested()))
                .map(value -> Numbers.round(value, copy.tested().dtype()))
                .toArray();
        demand(Arrays.equals(rounded, Numbers.read(copy.tested())), "the copy is not the weight rounded");
    }

    private static void shards(SideBySide sides) {
        int n = 1003;
        Pair[] whole = state(sides, n);
        Pair[] parts = new Pair[whole.length];
        for (int i = 0; i < parts.length; i++) {
            parts[i] = sides.of("part", whole[i].tested().dtype(), Numbers.read(whole[i].reference()), n);
        }
        update(sides, whole, 0, n);
        int from = 0;
        for (int count : new int[] {1, 333, 7, 662}) {
            update(sides, parts, from, count);
            from += count;
        }
        for (int i = 0; i < GRAD; i++) {
            demand(
                    Arrays.equals(Numbers.bits(parts[i].tested()), Numbers.bits(whole[i].tested())),
                    "%s: other bits in shards",
                    whole[i].name());
        }
    }

    /** weight, copy, m, v, grad: the last one may be used as scratch. */
    private static Pair[] state(SideBySide sides, int n) {
        Pair v = sides.weight("v", 1, n);
        // The second moment is never negative.
        double[] positive =
                Arrays.stream(Numbers.read(v.reference())).map(Math::abs).toArray();
        Numbers.write(v.reference(), positive);
        Numbers.write(v.tested(), positive);
        return new Pair[] {
            sides.weight("weight", 1, n),
            sides.activation("copy", 1, n),
            sides.weight("m", 1, n),
            v,
            sides.weight("grad", 1, n)
        };
    }

    private static void update(SideBySide sides, Pair[] state, int from, int count) {
        Pair[] rows = Arrays.stream(state).map(pair -> pair.rows(from, count)).toArray(Pair[]::new);
        AdamWStep step = new AdamWStep(1e-3, 0.9, 0.95, 1e-8, 0.1, 7, 0.25);
        sides.call(
                (kernels, side) -> kernels.adamW(
                        side.of(rows[0]), side.of(rows[1]), side.of(rows[2]), side.of(rows[3]), side.of(rows[4]), step),
                rows[0],
                rows[1],
                rows[2],
                rows[3],
                rows[4]);
    }
}
