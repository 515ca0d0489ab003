package tutti.worker.tensor;

import java.nio.DoubleBuffer;
import java.nio.IntBuffer;

/** -log softmax(hidden head^T)[label], summed over labelled rows. hidden, dHidden (N,C); head, dHead (V,C); labels (N). */
final class CrossEntropy {
    private CrossEntropy() {}

    static double forward(DoubleBuffer hidden, DoubleBuffer head, IntBuffer labels, int C, int V) {
        double loss = 0;
        for (int n = 0; n < labels.capacity(); n++) {
            if (labels.get(n) != Kernels.IGNORE) {
                double[] logits = logits(hidden, head, n, C, V);
                loss += LogSumExp.of(logits) - logits[labels.get(n)];
            }
        }
        return loss;
    }

    /** dLogits = gradScale * (softmax - onehot(label)). Overwrites dHidden, adds into dHead. */
    static double backward(
            DoubleBuffer dHidden,
            DoubleBuffer dHead,
            DoubleBuffer hidden,
            DoubleBuffer head,
            IntBuffer labels,
            double gradScale,
            int C,
            int V) {
        double loss = 0;
        for (int n = 0; n < labels.capacity(); n++) {
            for (int c = 0; c < C; c++) {
                dHidden.put(n * C + c, 0);
            }
            int label = labels.get(n);
            if (label == Kernels.IGNORE) {
                continue;
            }
            double[] logits = logits(hidden, head, n, C, V);
            double lse = LogSumExp.of(logits);
            loss += lse - logits[label];
            for (int token = 0; token < V; token++) {
                double dLogit = gradScale * (Math.exp(logits[token] - lse) - (token == label ? 1 : 0));
                for (int c = 0; c < C; c++) {
                    int h = n * C + c;
                    int w = token * C + c;
                    dHidden.put(h, dHidden.get(h) + dLogit * head.get(w));
                    dHead.put(w, dHead.get(w) + dLogit * hidden.get(h));
                }
            }
        }
        return loss;
    }

    private static double[] logits(DoubleBuffer hidden, DoubleBuffer head, int n, int C, int V) {
        double[] logits = new double[V];
        for (int token = 0; token < V; token++) {
            for (int c = 0; c < C; c++) {
                logits[token] += hidden.get(n * C + c) * head.get(token * C + c);
            }
        }
        return logits;
    }
}
