package tutti.worker.tensor.contract;

import static tutti.worker.tensor.contract.SideBySide.demand;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import tutti.worker.tensor.Dimensions;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.Segments;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;
import tutti.worker.tensor.contract.SideBySide.Pair;

/** The same bits again, with other operations between and with scratch grown, reserved or too large. */
final class RepetitionCases {
    private static final int N = 96;
    private static final int C = 72;
    private static final int V = 5000;
    private static final Dimensions HELD = new Dimensions(N, 50, C, C, 6, 2, 12, V);
    private static final Dimensions LARGER = new Dimensions(2 * N, N, C, 2 * C, 6, 2, 12, V);

    private RepetitionCases() {}

    static List<ContractCase> all() {
        return List.of(
                new ContractCase("workspaceBytes", "never negative, not less for larger dimensions", sides -> {
                    long held = sides.tested().workspaceBytes(HELD, sides.compute());
                    long larger = sides.tested().workspaceBytes(LARGER, sides.compute());
                    demand(0 <= held && held <= larger, "%d bytes for %s, %d for %s", held, HELD, larger, LARGER);
                }),
                new ContractCase(
                        "libraryBytes",
                        "never negative",
                        sides -> demand(
                                sides.tested().libraryBytes() >= 0,
                                "%d",
                                sides.tested().libraryBytes())),
                new ContractCase("reserve", "the same bits before and after, with other operations between", sides -> {
                    Step step = new Step(sides);
                    byte[][] first = step.run(sides.tested());
                    demandSame(first, step.run(sides.tested()), "again");
                    sides.tested().reserve(HELD, sides.compute());
                    demandSame(first, step.run(sides.tested()), "after reserve");
                    sides.tested().reserve(LARGER, sides.compute());
                    demandSame(first, step.run(sides.tested()), "after reserving more");
                    demandSame(first, step.run(sides.tested()), "at the end");
                }));
    }

    private static void demandSame(byte[][] first, byte[][] bits, String when) {
        demand(Arrays.deepEquals(first, bits), "other bits %s", when);
    }

    /** Operations that use scratch, one after the other, on tensors that each of them needs again. */
    private static final class Step {
        private static final Segments SEGMENTS = Segments.of(50, 46);

        private final Tensor hidden;
        private final Tensor head;
        private final Tensor labels;
        private final Tensor weight;
        private final Tensor k;
        private final Tensor out;
        private final Tensor rstd;
        private final Tensor dHidden;
        private final Tensor dk;
        private final Tensor dv;
        private final Tensor dHead;
        private final Tensor dWeight;

        Step(SideBySide sides) {
            hidden = tested(sides.activation("hidden", 1, N, C));
            head = tested(sides.activation("head", 0.1, V, C));
            labels = tested(sides.randomIds("labels", N, V));
            weight = tested(sides.weight("weight", 1, C));
            k = tested(sides.activation("k", 1, N, 2, 12));
            out = tested(sides.output("out", N, C));
            rstd = tested(sides.output("rstd", sides.master(), N));
            dHidden = tested(sides.output("dHidden", N, C));
            dk = tested(sides.output("dk", N, 2, 12));
            dv = tested(sides.output("dv", N, 2, 12));
            dHead = tested(sides.weight("dHead", 1, V, C));
            dWeight = tested(sides.weight("dWeight", 1, C));
        }

        private static Tensor tested(Pair pair) {
            return pair.tested();
        }

        byte[][] run(Kernels kernels) {
            Shape heads = Shape.of(N, 6, 12);
            Tensor q = hidden.view(heads);
            kernels.fill(dHead, 0.5);
            kernels.fill(dWeight, 0.5);
            kernels.attention(out.view(heads), q, k, k, SEGMENTS, 0.3);
            byte[] attended = Numbers.bits(out);
            kernels.attentionBackward(dHidden.view(heads), dk, dv, q, q, k, k, SEGMENTS, 0.3);
            kernels.rmsNorm(out, rstd, hidden, weight, 1e-5);
            kernels.rmsNormBackward(dHidden, dWeight, out, hidden, weight, rstd);
            kernels.embeddingBackward(dHead, labels, dHidden);
            kernels.linearCrossEntropyBackward(dHidden, dHead, out, head, labels, 0.01);
            kernels.matmul(dHead.rows(0, C), out, true, hidden, false, true);
            return Stream.concat(
                            Stream.of(attended),
                            Stream.of(out, rstd, dHidden, dk, dv, dHead, dWeight)
                                    .map(Numbers::bits))
                    .toArray(byte[][]::new);
        }
    }
}
