package tutti.worker.tensor.nd4j;

import org.nd4j.linalg.api.ndarray.INDArray;
import tutti.worker.tensor.Segments;

/**
 * Causal attention, one matrix product per query head, because ND4J's batched product is slow. Letters: H query heads, G key heads,
 * R = H/G, D channels of a head; T queries and S keys of one segment. All is float32 and lies packed as (rows, heads, D): a head is a
 * matrix with a step between its rows, which BLAS reads in place.
 */
final class Nd4jAttention {
    /** Scores held at once: 16 MB of float32, or those of one head. */
    static final long SCORES_AT_ONCE = 1L << 22;

    private final Call call;
    private final long H;
    private final long G;
    private final long D;
    private final double scale;

    Nd4jAttention(Call call, long H, long G, long D, double scale) {
        this.call = call;
        this.H = H;
        this.G = G;
        this.D = D;
        this.scale = scale;
    }

    /** Heads whose scores are held together. */
    static long headsAtOnce(long H, long T, long S) {
        return Math.min(H, Math.max(1, SCORES_AT_ONCE / (T * S)));
    }

    /** Addresses of q, out (N,H,D) and k, v (M,G,D). */
    void forward(long out, long q, long k, long v, Segments segments) {
        forEachGroup(segments, (inner, at) -> {
            long p = probabilities(inner, q, k, at);
            for (long i = 0; i < at.heads; i++) {
                long head = at.firstHead + i;
                Ops.matmul(
                        queryHead(inner, out, head, at),
                        inner.matrix(p + i * at.scores() * Float.BYTES, at.T, at.S),
                        false,
                        keyHead(inner, v, head, at),
                        false,
                        1,
                        0);
            }
        });
    }

    /** As forward, and dq, dOut like q; dk, dv like k. The R heads of one key head add up in their order. */
    void backward(long dq, long dk, long dv, long dOut, long q, long k, long v, Segments segments) {
        forEachGroup(segments, (inner, at) -> {
            long p = probabilities(inner, q, k, at);
            long dp = inner.temporary(at.heads * at.scores());
            for (long i = 0; i < at.heads; i++) {
                long head = at.firstHead + i;
                INDArray dMixed = queryHead(inner, dOut, head, at);
                INDArray dpHead = inner.matrix(dp + i * at.scores() * Float.BYTES, at.T, at.S);
                INDArray pHead = inner.matrix(p + i * at.scores() * Float.BYTES, at.T, at.S);
                Ops.matmul(dpHead, dMixed, false, keyHead(inner, v, head, at), true, 1, 0);
                Ops.matmul(keyHead(inner, dv, head, at), pHead, true, dMixed, false, 1, kept(head));
            }
            long dScores = scoresGradient(inner, p, dp, at);
            for (long i = 0; i < at.heads; i++) {
                long head = at.firstHead + i;
                INDArray dScoresHead = inner.matrix(dScores + i * at.scores() * Float.BYTES, at.T, at.S);
                INDArray dqHead = queryHead(inner, dq, head, at);
                Ops.matmul(dqHead, dScoresHead, false, keyHead(inner, k, head, at), false, scale, 0);
                INDArray dkHead = keyHead(inner, dk, head, at);
                Ops.matmul(dkHead, dScoresHead, true, queryHead(inner, q, head, at), false, scale, kept(head));
            }
        });
    }

    /** The first head of a group overwrites the key head's gradient, the others add to it. */
    private double kept(long head) {
        return head % (H / G) == 0 ? 0 : 1;
    }

    /** softmax(scale q k^T) of these heads under the causal mask, as (heads, T, S). */
    private long probabilities(Call inner, long q, long k, Group at) {
        long scores = inner.temporary(at.heads * at.scores());
        for (long i = 0; i < at.heads; i++) {
            long head = at.firstHead + i;
            Ops.matmul(
                    inner.matrix(scores + i * at.scores() * Float.BYTES, at.T, at.S),
                    queryHead(inner, q, head, at),
                    false,
                    keyHead(inner, k, head, at),
                    true,
                    scale,
                    0);
        }
        if (at.T > 1) {
            INDArray flat = inner.matrix(scores, at.heads, at.scores());
            Ops.add(flat, flat, inner.vector(at.mask, at.scores()));
        }
        Softmax.overRows(inner, scores, at.heads * at.T, at.S);
        return scores;
    }

    /** p (dp - sum over keys of p dp), in the memory of dp. */
    private static long scoresGradient(Call inner, long p, long dp, Group at) {
        long rows = at.heads * at.T;
        INDArray probabilities = inner.matrix(p, rows, at.S);
        INDArray gradient = inner.matrix(dp, rows, at.S);
        INDArray product = inner.matrix(inner.temporary(rows * at.S), rows, at.S);
        Ops.multiply(product, probabilities, gradient);
        INDArray outer = inner.matrix(inner.temporary(rows), rows, 1);
        Ops.matmul(outer, product, false, inner.ones(at.S), false, 1, 0);
        Ops.subtract(gradient, gradient, outer);
        Ops.multiply(gradient, gradient, probabilities);
        return dp;
    }

    private INDArray queryHead(Call inner, long packed, long head, Group at) {
        return inner.matrix(packed + (at.query * H + head) * D * Float.BYTES, at.T, D, H * D);
    }

    private INDArray keyHead(Call inner, long packed, long head, Group at) {
        return inner.matrix(packed + (at.key * G + head / (H / G)) * D * Float.BYTES, at.S, D, G * D);
    }

    private void forEachGroup(Segments segments, Body body) {
        CausalMask mask = new CausalMask(call, segments);
        for (int s = 0; s < segments.count(); s++) {
            int T = segments.queries(s);
            int S = segments.keys(s);
            if (T == 0) {
                continue;
            }
            long hidden = CausalMask.isNeeded(T) ? mask.of(T, S) : 0;
            long step = headsAtOnce(H, T, S);
            for (long first = 0; first < H; first += step) {
                long heads = Math.min(step, H - first);
                try (Call inner = call.inner()) {
                    body.run(
                            inner,
                            new Group(first, heads, T, S, segments.queryStart()[s], segments.keyStart()[s], hidden));
                }
            }
        }
    }

    /** Some heads of one segment: which heads, how many queries and keys, their first rows, and the address of the mask (T,S). */
    private record Group(long firstHead, long heads, long T, long S, long query, long key, long mask) {
        long scores() {
            return T * S;
        }
    }

    @FunctionalInterface
    private interface Body {
        void run(Call inner, Group at);
    }
}
