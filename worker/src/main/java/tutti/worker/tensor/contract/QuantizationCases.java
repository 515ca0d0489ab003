package tutti.worker.tensor.contract;

import static tutti.worker.tensor.contract.SideBySide.demand;
import static tutti.worker.tensor.contract.Tolerance.MASTER;
import static tutti.worker.tensor.contract.Tolerance.ROUNDED;

import java.util.ArrayList;
import java.util.List;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.contract.Contract.Sizes;
import tutti.worker.tensor.contract.SideBySide.Pair;

/** quantize and dequantize: blocks that do not divide, blocks of zeros, one element, one block. */
final class QuantizationCases {
    private QuantizationCases() {}

    static List<ContractCase> all(Sizes sizes) {
        List<ContractCase> all = new ArrayList<>();
        int[][] shapes = {{1, 1}, {1, 64}, {64, 64}, {65, 64}, {1000, 7}, {999, 1}, {4099, 256}};
        for (int[] shape : shapes) {
            all.add(quantize(shape[0], shape[1], 1));
            all.add(dequantize(shape[0], shape[1], 1));
        }
        for (double magnitude : new double[] {1e-30, 1e-6, 1e6, 1e30}) {
            int n = sizes.upTo(2000);
            int block = sizes.upTo(300);
            all.add(quantize(n, block, magnitude));
            all.add(dequantize(n, block, magnitude));
        }
        all.add(new ContractCase("quantize", "a block of zeros, a block with both extremes", sides -> {
            double[] values = {0, 0, -0.0, -3, 3, 1.5};
            Pair x = sides.of("x", sides.compute(), values, 6);
            Pair codes = sides.bytes("codes", new byte[6]);
            Pair scales = sides.output("scales", sides.master(), 2);
            quantize(sides, codes, scales, x, 3);
            // 127 * 1.5 / 3 = 63.5, and a tie goes to the even 64.
            int[] expected = {128, 128, 128, 1, 255, 192};
            byte[] seen = Numbers.bits(codes.tested());
            for (int i = 0; i < expected.length; i++) {
                demand(
                        Byte.toUnsignedInt(seen[i]) == expected[i],
                        "code %d is %d, expected %d",
                        i,
                        Byte.toUnsignedInt(seen[i]),
                        expected[i]);
            }
            sides.agreeRounded(scales);
        }));
        all.add(new ContractCase("quantize", "refuses block=0, other counts and dtypes", sides -> {
            Pair x = sides.activation("x", 1, 10);
            Pair codes = sides.bytes("codes", new byte[10]);
            Pair ids = sides.ids("ids", new int[10]);
            Pair shorter = sides.bytes("shorter", new byte[9]);
            Pair scales = sides.output("scales", sides.master(), 3);
            Pair few = sides.output("few", sides.master(), 2);
            refuse(sides, "block=0", codes, scales, x, 0);
            refuse(sides, "scales", codes, few, x, 4);
            refuse(sides, "counts", shorter, scales, x, 4);
            refuse(sides, "codes", ids, scales, x, 4);
        }));
        return all;
    }

    private static String describe(int n, int block, double magnitude) {
        return "n=%d block=%d magnitude=%s".formatted(n, block, magnitude);
    }

    private static ContractCase quantize(int n, int block, double magnitude) {
        return new ContractCase("quantize", describe(n, block, magnitude), sides -> {
            for (DType dtype : List.of(sides.compute(), sides.master())) {
                Pair x = sides.normal("x", dtype, magnitude, n);
                Pair codes = sides.bytes("codes", new byte[n]);
                Pair scales = sides.output("scales", sides.master(), (n + block - 1) / block);
                quantize(sides, codes, scales, x, block);
                // The largest magnitude is one of the elements: nothing to round.
                sides.agreeRounded(scales);
                nearest(sides, codes, scales, x, block);
            }
        });
    }

    /** Each code is a nearest one: a value near the middle of two may go either way, by the rounding of x / s. */
    private static void nearest(SideBySide sides, Pair codes, Pair scales, Pair x, int block) {
        byte[] seen = Numbers.bits(codes.tested());
        double[] largest = Numbers.read(scales.reference());
        double[] values = Numbers.read(x.reference());
        double worst = 0;
        for (int i = 0; i < values.length; i++) {
            int code = Byte.toUnsignedInt(seen[i]);
            demand(code > 0, "code %d is 0", i);
            double s = largest[i / block];
            double away = s == 0 ? Math.abs(code - 128) : Math.abs(values[i] / s * 127 - (code - 128));
            worst = Math.max(worst, Math.max(0, away - 0.5) / 127);
        }
        sides.measure("codes beyond half a level", worst, MASTER);
    }

    private static ContractCase dequantize(int n, int block, double magnitude) {
        return new ContractCase("dequantize", describe(n, block, magnitude), sides -> {
            byte[] drawn = new byte[n];
            sides.random().nextBytes(drawn);
            Pair codes = sides.bytes("codes", drawn);
            Pair scales = sides.weight("scales", magnitude, (n + block - 1) / block);
            Pair out = sides.output("out", n);
            sides.call(
                    (kernels, side) -> kernels.dequantize(side.of(out), side.of(codes), side.of(scales), block), out);
            sides.agreeEach(ROUNDED, out);
        });
    }

    private static void quantize(SideBySide sides, Pair codes, Pair scales, Pair x, int block) {
        sides.call(
                (kernels, side) -> kernels.quantize(side.of(codes), side.of(scales), side.of(x), block), codes, scales);
    }

    private static void refuse(SideBySide sides, String word, Pair codes, Pair scales, Pair x, int block) {
        sides.refuse(word, (kernels, side) -> kernels.quantize(side.of(codes), side.of(scales), side.of(x), block));
        sides.refuse(word, (kernels, side) -> kernels.dequantize(side.of(x), side.of(codes), side.of(scales), block));
    }
}
