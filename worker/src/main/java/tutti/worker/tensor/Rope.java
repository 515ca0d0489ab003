package tutti.worker.tensor;

import java.nio.DoubleBuffer;
import java.nio.IntBuffer;

/** Rotates the pairs (x[d], x[d+D/2]) of every head by the angle of the row's position. x (N,H,D); cos, sin (P,D/2). */
final class Rope {
    private Rope() {}

    /** @param direction 1 rotates forward, -1 back; the transpose of a rotation is its inverse, so -1 is also backward */
    static void rotate(
            DoubleBuffer x,
            DoubleBuffer cos,
            DoubleBuffer sin,
            IntBuffer positions,
            int direction,
            int N,
            int H,
            int D) {
        int half = D / 2;
        for (int n = 0; n < N; n++) {
            for (int h = 0; h < H; h++) {
                for (int d = 0; d < half; d++) {
                    double c = cos.get(positions.get(n) * half + d);
                    double s = sin.get(positions.get(n) * half + d) * direction;
                    int first = (n * H + h) * D + d;
                    int second = first + half;
                    double a = x.get(first);
                    double b = x.get(second);
                    x.put(first, a * c - b * s);
                    x.put(second, b * c + a * s);
                }
            }
        }
    }
}
