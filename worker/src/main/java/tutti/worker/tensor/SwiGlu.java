package tutti.worker.tensor;

import java.nio.DoubleBuffer;

/** out = silu(gate) * up with silu(g) = g * sigmoid(g), element by element. */
final class SwiGlu {
    private SwiGlu() {}

    static void forward(DoubleBuffer out, DoubleBuffer gate, DoubleBuffer up) {
        for (int i = 0; i < out.capacity(); i++) {
            out.put(i, gate.get(i) * sigmoid(gate.get(i)) * up.get(i));
        }
    }

    /** silu'(g) = s + g s (1 - s) with s = sigmoid(g). dGate may be gate and dUp may be up: each index is read first. */
    static void backward(DoubleBuffer dGate, DoubleBuffer dUp, DoubleBuffer dOut, DoubleBuffer gate, DoubleBuffer up) {
        for (int i = 0; i < dOut.capacity(); i++) {
            double g = gate.get(i);
            double s = sigmoid(g);
            double u = up.get(i);
            dGate.put(i, dOut.get(i) * u * (s + g * s * (1 - s)));
            dUp.put(i, dOut.get(i) * g * s);
        }
    }

    private static double sigmoid(double g) {
        return 1 / (1 + Math.exp(-g));
    }
}
