package tutti.worker.tensor.contract;

import static tutti.worker.tensor.Kernels.IGNORE;
import static tutti.worker.tensor.contract.SideBySide.demand;
import static tutti.worker.tensor.contract.Tolerance.SOFTMAX;
import static tutti.worker.tensor.contract.Tolerance.SOFTMAX_GRADIENT;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import tutti.worker.tensor.contract.Contract.Sizes;
import tutti.worker.tensor.contract.SideBySide.Answer;
import tutti.worker.tensor.contract.SideBySide.Pair;

/** linearCrossEntropy and its backward: rows without a label carry neither loss nor gradient. */
final class CrossEntropyCases {
    private CrossEntropyCases() {}

    static List<ContractCase> all(Sizes sizes) {
        List<ContractCase> all = new ArrayList<>();
        add(all, 1, 1, 2, 1, 1);
        add(all, 9, 5, 7, 0.5, 1);
        add(all, 64, 33, 101, 0.3, 1);
        add(all, 17, 8, 50, 1, 30);
        add(all, 12, 8, 50, 1, 1e-4);
        // More logits, more rows, and more of both in float32 than a backend may want to hold at once.
        add(all, 230, 2, 40_000, 0.5, 1);
        add(all, 1100, 4, 300, 0.9, 1);
        add(all, 520, 2, 5000, 1, 1);
        for (int i = 0; i < 6; i++) {
            add(all, sizes.upTo(90), sizes.upTo(40), 1 + sizes.upTo(500), sizes.coin() ? 1 : 0.4, sizes.coin() ? 1 : 5);
        }
        all.add(new ContractCase("linearCrossEntropyBackward", "no row has a label", CrossEntropyCases::unlabelled));
        for (int label : new int[] {5, -1, -99, Integer.MIN_VALUE}) {
            all.add(new ContractCase("linearCrossEntropy", "refuses label=%d of V=5".formatted(label), sides -> {
                Pair hidden = sides.activation("hidden", 1, 2, 3);
                Pair head = sides.activation("head", 1, 5, 3);
                Pair labels = sides.ids("labels", 4, label);
                sides.refuse(
                        Integer.toString(label),
                        (kernels, side) -> kernels.linearCrossEntropy(side.of(hidden), side.of(head), side.of(labels)));
            }));
        }
        all.add(new ContractCase("linearCrossEntropy", "refuses other shapes and mixed dtypes", sides -> {
            Pair hidden = sides.activation("hidden", 1, 2, 3);
            Pair head = sides.activation("head", 1, 5, 3);
            Pair wide = sides.activation("wide", 1, 5, 4);
            Pair mixed = sides.normal("mixed", sides.otherDType(), 1, 5, 3);
            Pair labels = sides.ids("labels", 4, IGNORE);
            Pair three = sides.ids("three", 4, IGNORE, 0);
            sides.refuse(
                    "labels",
                    (kernels, side) -> kernels.linearCrossEntropy(side.of(hidden), side.of(head), side.of(three)));
            sides.refuse(
                    "head",
                    (kernels, side) -> kernels.linearCrossEntropy(side.of(hidden), side.of(wide), side.of(labels)));
            sides.refuse(
                    "dtype",
                    (kernels, side) -> kernels.linearCrossEntropy(side.of(hidden), side.of(mixed), side.of(labels)));
        }));
        all.add(new ContractCase("linearCrossEntropyBackward", "refuses other shapes and labels", sides -> {
            Pair hidden = sides.activation("hidden", 1, 2, 3);
            Pair head = sides.activation("head", 1, 5, 3);
            Pair labels = sides.ids("labels", 4, IGNORE);
            Pair outside = sides.ids("outside", 4, 5);
            Pair dHidden = sides.output("dHidden", 2, 3);
            Pair longer = sides.output("longer", 3, 3);
            Pair dHead = sides.weight("dHead", 1, 6, 3);
            refuseBackward(sides, "shapes differ", dHidden, dHead, hidden, head, labels);
            refuseBackward(sides, "shapes differ", longer, dHead.rows(0, 5), hidden, head, labels);
            refuseBackward(sides, "holds 5", dHidden, dHead.rows(0, 5), hidden, head, outside);
        }));
        return all;
    }

    /** @param labelled share of the rows that have a label */
    private static void add(List<ContractCase> all, int N, int C, int V, double labelled, double magnitude) {
        String description = "N=%d C=%d V=%d labelled=%s magnitude=%s".formatted(N, C, V, labelled, magnitude);
        all.add(new ContractCase("linearCrossEntropy", description, sides -> {
            Pair hidden = sides.activation("hidden", magnitude, N, C);
            Pair head = sides.activation("head", 1 / Math.sqrt(C), V, C);
            Pair labels = sides.ids("labels", labels(sides, N, V, labelled));
            // A loss near zero is the difference of logits near one: a float32 cannot hold more of it.
            sides.agreeFrom(1, SOFTMAX, "loss", loss(sides, hidden, head, labels));
        }));
        all.add(new ContractCase("linearCrossEntropyBackward", description, sides -> {
            Pair hidden = sides.activation("hidden", magnitude, N, C);
            Pair head = sides.activation("head", 1 / Math.sqrt(C), V, C);
            Pair labels = sides.ids("labels", labels(sides, N, V, labelled));
            Pair dHidden = sides.output("dHidden", N, C);
            Pair dHead = sides.weight("dHead", 1e-3, V, C);
            Answer loss = backward(sides, dHidden, dHead, hidden, head, labels, 1.0 / N);
            sides.agreeFrom(1, SOFTMAX, "loss", loss);
            demand(
                    loss.actual() == loss(sides, hidden, head, labels).actual(),
                    "backward returns another loss than forward: %s",
                    loss.actual());
            sides.agree(SOFTMAX_GRADIENT, dHidden, dHead);
        }));
    }

    private static int[] labels(SideBySide sides, int N, int V, double labelled) {
        int[] labels = new int[N];
        Arrays.setAll(
                labels,
                n -> sides.random().nextDouble() < labelled ? sides.random().nextInt(V) : IGNORE);
        return labels;
    }

    private static Answer loss(SideBySide sides, Pair hidden, Pair head, Pair labels) {
        return sides.number(
                (kernels, side) -> kernels.linearCrossEntropy(side.of(hidden), side.of(head), side.of(labels)));
    }

    private static Answer backward(
            SideBySide sides, Pair dHidden, Pair dHead, Pair hidden, Pair head, Pair labels, double gradScale) {
        return sides.number(
                (kernels, side) -> kernels.linearCrossEntropyBackward(
                        side.of(dHidden), side.of(dHead), side.of(hidden), side.of(head), side.of(labels), gradScale),
                dHidden,
                dHead);
    }

    private static void refuseBackward(
            SideBySide sides, String word, Pair dHidden, Pair dHead, Pair hidden, Pair head, Pair labels) {
        sides.refuse(
                word,
                (kernels, side) -> kernels.linearCrossEntropyBackward(
                        side.of(dHidden), side.of(dHead), side.of(hidden), side.of(head), side.of(labels), 1));
    }

    private static void unlabelled(SideBySide sides) {
        Pair hidden = sides.activation("hidden", 1, 3, 4);
        Pair head = sides.activation("head", 1, 5, 4);
        Pair labels = sides.ids("labels", IGNORE, IGNORE, IGNORE);
        Pair dHidden = sides.output("dHidden", 3, 4);
        Pair dHead = sides.weight("dHead", 1, 5, 4);
        byte[] before = Numbers.bits(dHead.tested());
        demand(loss(sides, hidden, head, labels).actual() == 0, "a loss without a label");
        demand(backward(sides, dHidden, dHead, hidden, head, labels, 1).actual() == 0, "a loss without a label");
        demand(Arrays.stream(Numbers.read(dHidden.tested())).allMatch(x -> x == 0), "dHidden is not zero");
        demand(Arrays.equals(before, Numbers.bits(dHead.tested())), "dHead changed");
    }
}
