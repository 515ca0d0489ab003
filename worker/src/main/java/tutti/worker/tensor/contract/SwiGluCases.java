package tutti.worker.tensor.contract;

import static tutti.worker.tensor.contract.SideBySide.demand;
import static tutti.worker.tensor.contract.Tolerance.ROUNDED_THRICE;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import tutti.worker.tensor.contract.Contract.Sizes;
import tutti.worker.tensor.contract.SideBySide.Pair;

/** swiglu and its backward, whose outputs may be the inputs. */
final class SwiGluCases {
    private SwiGluCases() {}

    static List<ContractCase> all(Sizes sizes) {
        List<ContractCase> all = new ArrayList<>();
        add(all, 1, 1, 1);
        add(all, 7, 13, 1e-4);
        add(all, 33, 65, 1);
        add(all, 5, 9, 30);
        // More than a backend may want to hold at once.
        add(all, 700, 800, 1);
        for (int i = 0; i < 5; i++) {
            add(all, sizes.upTo(50), sizes.upTo(120), sizes.coin() ? 3 : 1e-6);
        }
        all.add(new ContractCase("swiglu", "refuses other shapes and mixed dtypes", sides -> {
            Pair gate = sides.activation("gate", 1, 3, 4);
            Pair up = sides.activation("up", 1, 4, 3);
            Pair mixed = sides.normal("mixed", sides.otherDType(), 1, 3, 4);
            Pair out = sides.output("out", 3, 4);
            sides.refuse("shapes differ", (kernels, side) -> kernels.swiglu(side.of(out), side.of(gate), side.of(up)));
            sides.refuse("dtype", (kernels, side) -> kernels.swiglu(side.of(out), side.of(gate), side.of(mixed)));
        }));
        all.add(new ContractCase("swigluBackward", "refuses other shapes and mixed dtypes", sides -> {
            Pair gate = sides.activation("gate", 1, 3, 4);
            Pair dOut = sides.activation("dOut", 1, 4, 3);
            Pair mixed = sides.normal("mixed", sides.otherDType(), 1, 3, 4);
            Pair out = sides.output("out", 3, 4);
            for (Pair wrong : new Pair[] {dOut, mixed}) {
                sides.refuse(
                        wrong == dOut ? "shapes differ" : "dtype",
                        (kernels, side) -> kernels.swigluBackward(
                                side.of(out), side.of(out), side.of(wrong), side.of(gate), side.of(gate)));
            }
        }));
        return all;
    }

    private static void add(List<ContractCase> all, int N, int I, double magnitude) {
        String description = "N=%d I=%d magnitude=%s".formatted(N, I, magnitude);
        all.add(new ContractCase("swiglu", description, sides -> {
            Pair gate = sides.activation("gate", magnitude, N, I);
            Pair up = sides.activation("up", magnitude, N, I);
            Pair out = sides.output("out", N, I);
            sides.call((kernels, side) -> kernels.swiglu(side.of(out), side.of(gate), side.of(up)), out);
            sides.agree(ROUNDED_THRICE, out);
        }));
        all.add(new ContractCase("swigluBackward", description, sides -> backward(sides, N, I, magnitude)));
    }

    private static void backward(SideBySide sides, int N, int I, double magnitude) {
        Pair gate = sides.activation("gate", magnitude, N, I);
        Pair up = sides.activation("up", magnitude, N, I);
        Pair dOut = sides.activation("dOut", 1, N, I);
        Pair dGate = sides.output("dGate", N, I);
        Pair dUp = sides.output("dUp", N, I);
        backward(sides, dGate, dUp, dOut, gate, up);
        sides.agree(ROUNDED_THRICE, dGate, dUp);
        backward(sides, gate, up, dOut, gate, up);
        demand(
                Arrays.equals(Numbers.bits(gate.tested()), Numbers.bits(dGate.tested()))
                        && Arrays.equals(Numbers.bits(up.tested()), Numbers.bits(dUp.tested())),
                "other bits when the outputs are the inputs");
    }

    private static void backward(SideBySide sides, Pair dGate, Pair dUp, Pair dOut, Pair gate, Pair up) {
        sides.call(
                (kernels, side) ->
                        kernels.swigluBackward(side.of(dGate), side.of(dUp), side.of(dOut), side.of(gate), side.of(up)),
                dGate,
                dUp);
    }
}
