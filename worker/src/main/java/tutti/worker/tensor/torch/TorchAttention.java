package tutti.worker.tensor.torch;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import tutti.worker.tensor.Segments;

/**
 * Causal attention from batched matrix products, because this libtorch's fused attention is slow on a CPU. Letters: N query
 * rows, M key rows, H query heads, G key heads, R = H/G, D channels; B segments of the same size, T queries and S keys in each.
 *
 * <p>Queries are laid out as (B*G, R*T, D): the R heads that share a key head stand below each other, so keys and values are
 * never repeated, and the sums over R in dk and dv are part of a product. Scores of BF16 inputs leave the product rounded to
 * BF16 (as in an eager PyTorch model); softmax and everything up to the next product is float32.
 */
final class TorchAttention {
    /** Scores held at once: 16 MB of float32, so that the passes over them find them in the cache. */
    private static final long SCORES_AT_ONCE = 1L << 22;

    private final CausalMask mask;
    private final long H;
    private final long G;
    private final long R;
    private final long D;
    private final double scale;

    TorchAttention(CausalMask mask, long H, long G, long D, double scale) {
        this.mask = mask;
        this.H = H;
        this.G = G;
        this.R = H / G;
        this.D = D;
        this.scale = scale;
    }

    void forward(Tensor out, Tensor q, Tensor k, Tensor v, Segments segments) {
        forEachBlock(segments, (B, T, S, query, key) -> {
            Tensor queries = queryLayout(rows(q, query, B * T), B, T);
            Tensor keys = keyLayout(rows(k, key, B * S), B, S);
            Tensor values = keyLayout(rows(v, key, B * S), B, S);
            Tensor outView = rows(out, query, B * T).view(B, T, G, R, D);
            Tensor mixed = queries.new_empty(B * G, R * T, D);
            forEachSlice(B * G, R * T * S, (from, count) -> {
                Tensor scores = scores(queries.narrow(0, from, count), keys.narrow(0, from, count), T, S);
                Tensor logSum = scores.logsumexp(new long[] {2}, true);
                Tensor p = scores.sub_(logSum).exp_().to(queries.scalar_type());
                mixed.narrow(0, from, count).copy_(p.bmm(values.narrow(0, from, count)));
            });
            outView.copy_(mixed.view(B, G, R, T, D).permute(0, 3, 1, 2, 4));
        });
    }

    /** Rows of the outputs that no segment covers do not exist, so every row is overwritten. */
    void backward(Tensor dq, Tensor dk, Tensor dv, Tensor dOut, Tensor q, Tensor k, Tensor v, Segments segments) {
        forEachBlock(segments, (B, T, S, query, key) -> {
            Tensor queries = queryLayout(rows(q, query, B * T), B, T);
            Tensor keys = keyLayout(rows(k, key, B * S), B, S);
            Tensor values = keyLayout(rows(v, key, B * S), B, S);
            Tensor dMixed = queryLayout(rows(dOut, query, B * T), B, T);
            Tensor dQueries = queries.new_empty(B * G, R * T, D);
            Tensor dKeys = keys.new_empty(B * G, S, D);
            Tensor dValues = keys.new_empty(B * G, S, D);
            forEachSlice(B * G, R * T * S, (from, count) -> {
                Tensor qs = queries.narrow(0, from, count);
                Tensor ks = keys.narrow(0, from, count);
                Tensor dOuts = dMixed.narrow(0, from, count);
                Tensor p = scores(qs, ks, T, S).softmax(2);
                Tensor pNarrow = p.to(queries.scalar_type());
                dValues.narrow(0, from, count).copy_(pNarrow.transpose(1, 2).bmm(dOuts));
                Tensor dp =
                        dOuts.bmm(values.narrow(0, from, count).transpose(1, 2)).to(ScalarType.Float);
                Tensor outer = p.mul(dp).sum(new long[] {2}, true, TorchKernels.AS_IS);
                Tensor dScores = p.mul_(dp.sub_(outer)).mul_(new Scalar(scale)).to(queries.scalar_type());
                dQueries.narrow(0, from, count).copy_(dScores.bmm(ks));
                dKeys.narrow(0, from, count).copy_(dScores.transpose(1, 2).bmm(qs));
            });
            rows(dq, query, B * T)
                    .view(B, T, G, R, D)
                    .copy_(dQueries.view(B, G, R, T, D).permute(0, 3, 1, 2, 4));
            rows(dk, key, B * S).view(B, S, G, D).copy_(dKeys.view(B, G, S, D).permute(0, 2, 1, 3));
            rows(dv, key, B * S).view(B, S, G, D).copy_(dValues.view(B, G, S, D).permute(0, 2, 1, 3));
        });
    }

    /** Scaled and masked float32 scores (count, R*T, S) of some of the B*G products. */
    private Tensor scores(Tensor queries, Tensor keys, long T, long S) {
        Tensor product = queries.bmm(keys.transpose(1, 2));
        // to() of a float32 tensor is that tensor, a fresh one here, so the in-place steps are safe in both dtypes.
        Tensor scores = product.to(ScalarType.Float).mul_(new Scalar(scale));
        if (T > 1) {
            scores.view(scores.size(0), R, T, S).add_(mask.lastRows(T, S));
        }
        return scores;
    }

    private Tensor queryLayout(Tensor rows, long B, long T) {
        return rows.view(B, T, G, R, D).permute(0, 2, 3, 1, 4).reshape(B * G, R * T, D);
    }

    private Tensor keyLayout(Tensor rows, long B, long S) {
        return rows.view(B, S, G, D).permute(0, 2, 1, 3).reshape(B * G, S, D);
    }

    private static Tensor rows(Tensor tensor, long from, long count) {
        return tensor.narrow(0, from, count);
    }

    /** One call for each run of neighbouring segments of one size: a uniform batch is one block, a ragged one many. */
    private static void forEachBlock(Segments segments, Block block) {
        int s = 0;
        while (s < segments.count()) {
            int end = s + 1;
            while (end < segments.count()
                    && segments.queries(end) == segments.queries(s)
                    && segments.keys(end) == segments.keys(s)) {
                end++;
            }
            int first = s;
            int count = end - s;
            if (segments.queries(s) > 0) {
                TorchKernels.scoped(() -> block.run(
                        count,
                        segments.queries(first),
                        segments.keys(first),
                        segments.queryStart()[first],
                        segments.keyStart()[first]));
            }
            s = end;
        }
    }

    private static void forEachSlice(long products, long scoresEach, Slice slice) {
        long step = Math.max(1, SCORES_AT_ONCE / Math.max(1, scoresEach));
        for (long from = 0; from < products; from += step) {
            long start = from;
            long count = Math.min(step, products - from);
            TorchKernels.scoped(() -> slice.run(start, count));
        }
    }

    /** B segments of T queries and S keys each, from these first rows on. */
    @FunctionalInterface
    private interface Block {
        void run(long B, long T, long S, long query, long key);
    }

    @FunctionalInterface
    private interface Slice {
        void run(long from, long count);
    }
}
