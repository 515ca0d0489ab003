package tutti.worker.tensor;

import java.nio.DoubleBuffer;

/**
 * Causal attention, one query row and one head at a time. q, out (N,H,D); k, v (M,G,D). Query head h reads key head
 * h / (H/G); the last query of a segment is aligned with its last key.
 */
final class Attention {
    private final int H;
    private final int G;
    private final int D;
    private final Segments segments;
    private final double scale;

    Attention(int H, int G, int D, Segments segments, double scale) {
        this.H = H;
        this.G = G;
        this.D = D;
        this.segments = segments;
        this.scale = scale;
    }

    /** out = softmax(scale q k^T) v. */
    void forward(DoubleBuffer out, DoubleBuffer q, DoubleBuffer k, DoubleBuffer v) {
        for (int s = 0; s < segments.count(); s++) {
            for (int i = 0; i < segments.queries(s); i++) {
                for (int h = 0; h < H; h++) {
                    int query = (segments.queryStart()[s] + i) * H + h;
                    double[] p = softmax(scores(s, i, h, q, k));
                    for (int d = 0; d < D; d++) {
                        double sum = 0;
                        for (int j = 0; j < p.length; j++) {
                            sum += p[j] * v.get(key(s, j, h) * D + d);
                        }
                        out.put(query * D + d, sum);
                    }
                }
            }
        }
    }

    /**
     * With p = softmax(score) and dp = dOut v^T: dv += p dOut; dscore = p (dp - sum_j p dp); dq += scale dscore k; dk += scale
     * dscore q. The caller zeroes dq, dk, dv.
     */
    void backward(
            DoubleBuffer dq,
            DoubleBuffer dk,
            DoubleBuffer dv,
            DoubleBuffer dOut,
            DoubleBuffer q,
            DoubleBuffer k,
            DoubleBuffer v) {
        for (int s = 0; s < segments.count(); s++) {
            for (int i = 0; i < segments.queries(s); i++) {
                for (int h = 0; h < H; h++) {
                    int query = (segments.queryStart()[s] + i) * H + h;
                    double[] p = softmax(scores(s, i, h, q, k));
                    double[] dp = new double[p.length];
                    double mean = 0;
                    for (int j = 0; j < p.length; j++) {
                        dp[j] = dot(dOut, query, v, key(s, j, h));
                        mean += p[j] * dp[j];
                    }
                    for (int j = 0; j < p.length; j++) {
                        int key = key(s, j, h);
                        double dScore = p[j] * (dp[j] - mean) * scale;
                        addScaled(dv, key, p[j], dOut, query);
                        addScaled(dq, query, dScore, k, key);
                        addScaled(dk, key, dScore, q, query);
                    }
                }
            }
        }
    }

    /** Scaled products of query i of segment s with every key it may see: its own and all earlier ones. */
    private double[] scores(int s, int i, int h, DoubleBuffer q, DoubleBuffer k) {
        int visible = segments.keys(s) - segments.queries(s) + i + 1;
        double[] score = new double[visible];
        for (int j = 0; j < visible; j++) {
            score[j] = scale * dot(q, (segments.queryStart()[s] + i) * H + h, k, key(s, j, h));
        }
        return score;
    }

    private static double[] softmax(double[] score) {
        double lse = LogSumExp.of(score);
        double[] p = new double[score.length];
        for (int j = 0; j < p.length; j++) {
            p[j] = Math.exp(score[j] - lse);
        }
        return p;
    }

    /** Number of the D-vector in k and v that key row j of segment s offers to query head h. */
    private int key(int s, int j, int h) {
        return (segments.keyStart()[s] + j) * G + h / (H / G);
    }

    private double dot(DoubleBuffer a, int vectorA, DoubleBuffer b, int vectorB) {
        double sum = 0;
        for (int d = 0; d < D; d++) {
            sum += a.get(vectorA * D + d) * b.get(vectorB * D + d);
        }
        return sum;
    }

    private void addScaled(DoubleBuffer y, int vectorY, double alpha, DoubleBuffer x, int vectorX) {
        for (int d = 0; d < D; d++) {
            y.put(vectorY * D + d, y.get(vectorY * D + d) + alpha * x.get(vectorX * D + d));
        }
    }
}
