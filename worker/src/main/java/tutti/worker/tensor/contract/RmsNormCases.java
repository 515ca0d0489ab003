package tutti.worker.tensor.contract;

import static tutti.worker.tensor.contract.Tolerance.MASTER;
import static tutti.worker.tensor.contract.Tolerance.MASTER_SUM;
import static tutti.worker.tensor.contract.Tolerance.ROUNDED;
import static tutti.worker.tensor.contract.Tolerance.ROUNDED_TWICE;

import java.util.ArrayList;
import java.util.List;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.contract.Contract.Sizes;
import tutti.worker.tensor.contract.SideBySide.Pair;

/** rmsNorm and its backward, which adds into dx and dWeight. */
final class RmsNormCases {
    private static final double EPS = 1e-6;

    private RmsNormCases() {}

    static List<ContractCase> all(Sizes sizes) {
        List<ContractCase> all = new ArrayList<>();
        add(all, 1, 1, 1);
        add(all, 1, 64, 1e4);
        add(all, 7, 33, 1e-4);
        add(all, 65, 96, 1);
        add(all, 3, 1025, 1e8);
        add(all, 5, 16, 0);
        // More than a backend may want to hold at once.
        add(all, 700, 1000, 1);
        for (int i = 0; i < 6; i++) {
            add(all, sizes.upTo(80), sizes.upTo(300), sizes.magnitude());
        }
        all.add(new ContractCase("rmsNorm", "refuses other shapes", sides -> {
            Pair x = sides.activation("x", 1, 3, 4);
            Pair weight = sides.weight("weight", 1, 4);
            Pair rstd = sides.output("rstd", sides.master(), 3);
            Pair out = sides.output("out", 3, 4);
            sides.refuse(
                    "weight",
                    (kernels, side) -> kernels.rmsNorm(
                            side.of(out),
                            side.of(rstd),
                            side.of(x),
                            side.of(weight).rows(0, 3),
                            EPS));
            sides.refuse(
                    "rstd",
                    (kernels, side) ->
                            kernels.rmsNorm(side.of(out), side.of(rstd).rows(0, 2), side.of(x), side.of(weight), EPS));
            sides.refuse(
                    "shapes differ",
                    (kernels, side) ->
                            kernels.rmsNorm(side.of(out).rows(0, 2), side.of(rstd), side.of(x), side.of(weight), EPS));
        }));
        all.add(new ContractCase("rmsNormBackward", "refuses other shapes", sides -> {
            Pair x = sides.activation("x", 1, 3, 4);
            Pair weight = sides.weight("weight", 1, 4);
            Pair rstd = sides.weight("rstd", 1, 3);
            Pair dx = sides.activation("dx", 1, 3, 4);
            Pair dWeight = sides.weight("dWeight", 1, 5);
            sides.refuse(
                    "shapes differ",
                    (kernels, side) -> kernels.rmsNormBackward(
                            side.of(dx), side.of(dWeight), side.of(x), side.of(x), side.of(weight), side.of(rstd)));
            sides.refuse(
                    "shapes differ",
                    (kernels, side) -> kernels.rmsNormBackward(
                            side.of(dx),
                            side.of(dWeight).rows(0, 4),
                            side.of(x).rows(0, 2),
                            side.of(x),
                            side.of(weight),
                            side.of(rstd)));
        }));
        all.add(new ContractCase("rmsNorm", "refuses mixed dtypes", sides -> {
            Pair x = sides.activation("x", 1, 3, 4);
            Pair weight = sides.weight("weight", 1, 4);
            Pair rstd = sides.output("rstd", sides.master(), 3);
            Pair mixed = sides.output("mixed", sides.otherDType(), 3, 4);
            sides.refuse(
                    "dtype",
                    (kernels, side) ->
                            kernels.rmsNorm(side.of(mixed), side.of(rstd), side.of(x), side.of(weight), EPS));
            // Gradients of weights are of the master dtype, whatever the activations are.
            DType narrow = sides.compute() == sides.master() ? sides.otherDType() : sides.compute();
            Pair narrowSum = sides.output("narrowSum", narrow, 4);
            sides.refuse(
                    "dtype",
                    (kernels, side) -> kernels.rmsNormBackward(
                            side.of(x), side.of(narrowSum), side.of(x), side.of(x), side.of(weight), side.of(rstd)));
        }));
        return all;
    }

    private static void add(List<ContractCase> all, int N, int C, double magnitude) {
        String description = "N=%d C=%d magnitude=%s".formatted(N, C, magnitude);
        all.add(new ContractCase("rmsNorm", description, sides -> forward(sides, N, C, magnitude)));
        all.add(new ContractCase("rmsNormBackward", description, sides -> backward(sides, N, C, magnitude)));
    }

    private static void forward(SideBySide sides, int N, int C, double magnitude) {
        Pair x = sides.activation("x", magnitude, N, C);
        Pair weight = sides.weight("weight", 1, C);
        Pair out = sides.output("out", N, C);
        Pair rstd = sides.output("rstd", sides.master(), N);
        sides.call(
                (kernels, side) -> kernels.rmsNorm(side.of(out), side.of(rstd), side.of(x), side.of(weight), EPS),
                out,
                rstd);
        sides.agree(ROUNDED, out);
        sides.agreeEach(MASTER, rstd);
    }

    private static void backward(SideBySide sides, int N, int C, double magnitude) {
        Pair x = sides.activation("x", magnitude, N, C);
        Pair weight = sides.weight("weight", 1, C);
        Pair dOut = sides.activation("dOut", 1, N, C);
        Pair rstd = sides.of("rstd", sides.master(), rstd(Numbers.read(x.reference()), C), N);
        double most = 1;
        for (double each : Numbers.read(rstd.reference())) {
            most = Math.max(most, each);
        }
        Pair dx = sides.activation("dx", 1, N, C);
        Pair dWeight = sides.weight("dWeight", 1, C);
        sides.call(
                (kernels, side) -> kernels.rmsNormBackward(
                        side.of(dx), side.of(dWeight), side.of(dOut), side.of(x), side.of(weight), side.of(rstd)),
                dx,
                dWeight);
        // With one channel the two parts of the gradient cancel: what remains is the rounding of each part, rstd times
        // dOut.
        sides.agreeFrom(most, ROUNDED_TWICE, dx);
        sides.agreeFrom(Math.sqrt(N), MASTER_SUM, dWeight);
    }

    /** What a forward call kept, the same for both sides. */
    private static double[] rstd(double[] x, int C) {
        double[] rstd = new double[x.length / C];
        for (int n = 0; n < rstd.length; n++) {
            double sum = 0;
            for (int c = 0; c < C; c++) {
                sum += x[n * C + c] * x[n * C + c];
            }
            rstd[n] = 1 / Math.sqrt(sum / C + EPS);
        }
        return rstd;
    }
}
