package tutti.worker.tensor.contract;

import static tutti.worker.tensor.contract.Tolerance.MASTER_SUM;

import java.util.ArrayList;
import java.util.List;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.contract.Contract.Sizes;
import tutti.worker.tensor.contract.SideBySide.Pair;

/** embedding picks rows, embeddingBackward adds into them: an id may occur many times in one batch. */
final class EmbeddingCases {
    private EmbeddingCases() {}

    static List<ContractCase> all(Sizes sizes) {
        List<ContractCase> all = new ArrayList<>();
        int[][] shapes = {{1, 1, 1}, {9, 5, 3}, {257, 31, 65}, {300, 1, 7}, {700, 50, 1000}};
        for (int[] shape : shapes) {
            all.add(forward(shape[0], shape[1], shape[2]));
            all.add(backward(shape[0], shape[1], shape[2]));
        }
        for (int i = 0; i < 5; i++) {
            int N = sizes.upTo(300);
            int V = sizes.upTo(100);
            int C = sizes.upTo(70);
            all.add(forward(N, V, C));
            all.add(backward(N, V, C));
        }
        all.add(new ContractCase("embeddingBackward", "adds in the order of the rows", EmbeddingCases::inOrder));
        for (int id : new int[] {-1, 5, Integer.MAX_VALUE, -100}) {
            all.add(new ContractCase("embedding", "refuses id=%d of V=5".formatted(id), sides -> {
                Pair table = sides.activation("table", 1, 5, 2);
                Pair ids = sides.ids("ids", 0, id);
                Pair out = sides.output("out", 2, 2);
                sides.refuse(
                        Integer.toString(id),
                        (kernels, side) -> kernels.embedding(side.of(out), side.of(table), side.of(ids)));
            }));
            all.add(new ContractCase("embeddingBackward", "refuses id=%d of V=5".formatted(id), sides -> {
                Pair dTable = sides.weight("dTable", 1, 5, 2);
                Pair ids = sides.ids("ids", 0, id);
                Pair dOut = sides.activation("dOut", 1, 2, 2);
                sides.refuse(
                        Integer.toString(id),
                        (kernels, side) -> kernels.embeddingBackward(side.of(dTable), side.of(ids), side.of(dOut)));
            }));
        }
        all.add(new ContractCase("embedding", "refuses other shapes and mixed dtypes", sides -> {
            Pair table = sides.activation("table", 1, 5, 2);
            Pair mixed = sides.normal("mixed", sides.otherDType(), 1, 5, 2);
            Pair ids = sides.ids("ids", 4, 0, 4);
            Pair out = sides.output("out", 3, 2);
            Pair wide = sides.output("wide", 3, 3);
            sides.refuse("shape", (kernels, side) -> kernels.embedding(side.of(wide), side.of(table), side.of(ids)));
            sides.refuse("dtype", (kernels, side) -> kernels.embedding(side.of(out), side.of(mixed), side.of(ids)));
        }));
        all.add(new ContractCase("embeddingBackward", "refuses other shapes", sides -> {
            Pair dTable = sides.weight("dTable", 1, 5, 2);
            Pair ids = sides.ids("ids", 4, 0, 4);
            Pair dOut = sides.activation("dOut", 1, 3, 3);
            sides.refuse(
                    "shape",
                    (kernels, side) -> kernels.embeddingBackward(side.of(dTable), side.of(ids), side.of(dOut)));
        }));
        return all;
    }

    private static String shape(int N, int V, int C) {
        return "N=%d V=%d C=%d".formatted(N, V, C);
    }

    private static ContractCase forward(int N, int V, int C) {
        return new ContractCase("embedding", shape(N, V, C), sides -> {
            Pair table = sides.activation("table", 1, V, C);
            Pair ids = sides.randomIds("ids", N, V);
            Pair out = sides.output("out", N, C);
            sides.call((kernels, side) -> kernels.embedding(side.of(out), side.of(table), side.of(ids)), out);
            sides.agreeRounded(out);
        });
    }

    private static ContractCase backward(int N, int V, int C) {
        return new ContractCase("embeddingBackward", shape(N, V, C), sides -> {
            Pair dTable = sides.weight("dTable", 1, V, C);
            Pair ids = sides.randomIds("ids", N, V);
            Pair dOut = sides.activation("dOut", 1, N, C);
            sides.call(
                    (kernels, side) -> kernels.embeddingBackward(side.of(dTable), side.of(ids), side.of(dOut)), dTable);
            // One row may take all N: a sum as large as their root.
            sides.agreeFrom(Math.sqrt(N), MASTER_SUM, dTable);
        });
    }

    /** 1e9 + 1 - 1e9 is 1 in exact numbers, and 0 or 1 in float32 by the order of the sum. */
    private static void inOrder(SideBySide sides) {
        Pair dTable = sides.of("dTable", sides.master(), new double[] {0, 0}, 2, 1);
        Pair ids = sides.ids("ids", 0, 1, 0, 1, 0, 1);
        double big = 0x1p30;
        Pair dOut = sides.of("dOut", sides.compute(), new double[] {big, big, 1, -big, -big, 1}, 6, 1);
        sides.call((kernels, side) -> kernels.embeddingBackward(side.of(dTable), side.of(ids), side.of(dOut)), dTable);
        if (sides.master() == DType.F32) {
            Numbers.write(dTable.reference(), 0, 1);
        }
        sides.agreeRounded(dTable);
    }
}
