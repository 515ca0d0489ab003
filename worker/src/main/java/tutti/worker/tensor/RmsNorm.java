package tutti.worker.tensor;

import java.nio.DoubleBuffer;

/** y[n,c] = x[n,c] * r[n] * w[c] with r[n] = 1 / sqrt(mean_c x[n,c]^2 + eps). x, out (N,C); w (C); rstd (N). */
final class RmsNorm {
    private RmsNorm() {}

    static void forward(
            DoubleBuffer out, DoubleBuffer rstd, DoubleBuffer x, DoubleBuffer weight, double eps, int N, int C) {
        for (int n = 0; n < N; n++) {
            double squares = 0;
            for (int c = 0; c < C; c++) {
                squares += x.get(n * C + c) * x.get(n * C + c);
            }
            double r = 1 / Math.sqrt(squares / C + eps);
            rstd.put(n, r);
            for (int c = 0; c < C; c++) {
                out.put(n * C + c, x.get(n * C + c) * r * weight.get(c));
            }
        }
    }

    /**
     * With g = dOut * w: dx = r * (g - x * r^2 * mean(g * x)), because dr/dx[c] = -r^3 x[c] / C. Adds into dx and dWeight.
     */
    static void backward(
            DoubleBuffer dx,
            DoubleBuffer dWeight,
            DoubleBuffer dOut,
            DoubleBuffer x,
            DoubleBuffer weight,
            DoubleBuffer rstd,
            int N,
            int C) {
        for (int n = 0; n < N; n++) {
            double r = rstd.get(n);
            double mean = 0;
            for (int c = 0; c < C; c++) {
                int at = n * C + c;
                mean += dOut.get(at) * weight.get(c) * x.get(at) / C;
                dWeight.put(c, dWeight.get(c) + dOut.get(at) * x.get(at) * r);
            }
            for (int c = 0; c < C; c++) {
                int at = n * C + c;
                double g = dOut.get(at) * weight.get(c);
                dx.put(at, dx.get(at) + r * (g - x.get(at) * r * r * mean));
            }
        }
    }
}
