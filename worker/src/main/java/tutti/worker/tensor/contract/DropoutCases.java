package tutti.worker.tensor.contract;

import static tutti.worker.tensor.contract.Tolerance.ROUNDED;

import java.util.ArrayList;
import java.util.List;
import tutti.worker.tensor.DropoutMask;
import tutti.worker.tensor.contract.Contract.Sizes;
import tutti.worker.tensor.contract.SideBySide.Pair;

/** dropout with a drawn mask; backward is the same call. */
final class DropoutCases {
    private DropoutCases() {}

    static List<ContractCase> all(Sizes sizes) {
        List<ContractCase> all = new ArrayList<>();
        for (double p : new double[] {0, 0.1, 0.5, 0.9}) {
            all.add(dropout(sizes.upTo(60), sizes.upTo(60), p, sizes.magnitude(), false));
            all.add(dropout(7, 33, p, 1, true));
        }
        all.add(dropout(1, 1, 0.5, 1, false));
        all.add(new ContractCase("dropout", "refuses p=1, p<0, other masks and mixed dtypes", sides -> {
            Pair x = sides.activation("x", 1, 2, 3);
            Pair out = sides.output("out", 2, 3);
            Pair mixed = sides.output("mixed", sides.otherDType(), 2, 3);
            Pair mask = sides.bytes("mask", new byte[6]);
            Pair shorter = sides.bytes("shorter", new byte[5]);
            Pair ids = sides.ids("ids", new int[6]);
            for (double p : new double[] {1, -0.1, Double.NaN}) {
                sides.refuse("p=" + p, (kernels, side) -> kernels.dropout(side.of(out), side.of(x), side.of(mask), p));
            }
            sides.refuse("counts", (kernels, side) -> kernels.dropout(side.of(out), side.of(x), side.of(shorter), 0.5));
            sides.refuse("mask", (kernels, side) -> kernels.dropout(side.of(out), side.of(x), side.of(ids), 0.5));
            sides.refuse("dtype", (kernels, side) -> kernels.dropout(side.of(mixed), side.of(x), side.of(mask), 0.5));
        }));
        return all;
    }

    private static ContractCase dropout(int N, int C, double p, double magnitude, boolean inPlace) {
        String description = "N=%d C=%d p=%s magnitude=%s inPlace=%s".formatted(N, C, p, magnitude, inPlace);
        return new ContractCase("dropout", description, sides -> {
            Pair x = sides.activation("x", magnitude, N, C);
            Pair mask = sides.bytes("mask", new byte[N * C]);
            DropoutMask.draw(mask.reference(), p, N + C);
            DropoutMask.draw(mask.tested(), p, N + C);
            Pair out = inPlace ? x : sides.output("out", N, C);
            sides.call((kernels, side) -> kernels.dropout(side.of(out), side.of(x), side.of(mask), p), out);
            sides.agreeEach(ROUNDED, out);
        });
    }
}
