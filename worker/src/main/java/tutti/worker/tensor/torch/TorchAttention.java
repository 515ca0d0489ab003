package tutti.worker.tensor.torch;

import static tutti.worker.tensor.torch.TorchKernels.scoped;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import tutti.worker.tensor.Dimensions;
import tutti.worker.tensor.Segments;

/**
 * Causal attention from batched matrix products and libtorch's one-pass softmax, because this libtorch's fused attention is slow on
 * a CPU. Letters: H query heads, G key heads, R = H/G, D channels; B segments of the same size, T queries and S keys in each; a
 * slice has n pairs of segment and key head; a tile has t queries, which see the first s keys.
 *
 * <p>Queries go in tiles, and a tile multiplies only the keys that its last query sees: what lies above the diagonal is never
 * computed, apart from the tile's own corner. Queries are laid out as (n, R*t, D): the R heads that share a key head stand below
 * each other, so keys and values are never repeated, and the sums over R in dk and dv are part of a product. Scores of BF16 inputs
 * leave a native product rounded to BF16 (as in an eager PyTorch model); softmax and its backward compute in float32, and so do sums
 * over tiles. Where products are widened, packing widens, and everything up to unpacking is float32.
 */
final class TorchAttention {
    private final TorchScratch scratch;
    private final Tuning tuning;
    private final CausalMask mask;
    /** Of everything between packing and unpacking. */
    private final ScalarType dtype;

    private final long G;
    private final long R;
    private final long D;
    private final double scale;

    /** @param q (N,H,D), k (M,G,D): for their sizes */
    TorchAttention(TorchScratch scratch, CausalMask mask, Tensor q, Tensor k, double scale) {
        this.scratch = scratch;
        this.tuning = scratch.tuning();
        this.mask = mask;
        this.dtype =
                tuning.bf16().widened() ? ScalarType.Float : q.scalar_type().intern();
        this.G = k.size(1);
        this.R = q.size(1) / G;
        this.D = q.size(2);
        this.scale = scale;
    }

    /** Bytes of scratch that a slice of a pass takes at most; {@code elementBytes} of the compute dtype. */
    static long workspace(Dimensions d, int elementBytes, Tuning tuning) {
        long N = Math.max(d.rows(), d.length());
        long R = d.heads() / d.kvHeads();
        long tile = Math.min(tuning.tile(), d.length());
        // A slice takes as many scores as it may, unless one head alone is more or the whole batch is less.
        return workspace(
                tuning.bf16().widened() ? Float.BYTES : elementBytes,
                slice(tuning, R * tile * d.length(), d.heads() * tile * N),
                slice(tuning, R * tile * d.headDim(), (long) d.heads() * d.headDim() * N),
                slice(tuning, (long) d.length() * d.headDim(), (long) d.kvHeads() * d.headDim() * N));
    }

    private static long slice(Tuning tuning, long oneHead, long wholeBatch) {
        return Math.min(Math.max(tuning.scores(), oneHead), wholeBatch);
    }

    private static long workspace(int elementBytes, long scores, long queries, long keys) {
        return 3 * TorchScratch.bytes(Float.BYTES, scores)
                + 3 * TorchScratch.bytes(elementBytes, queries)
                + 3 * TorchScratch.bytes(elementBytes, keys)
                + 3 * TorchScratch.bytes(Float.BYTES, keys);
    }

    void forward(Tensor out, Tensor q, Tensor k, Tensor v, Segments segments) {
        forEachSlice(segments, (B, T, S, query, key, part) -> {
            Tensor queries = part.of(rows(q, query, B * T).view(B, T, G, R, D));
            Tensor keys = part.of(rows(k, key, B * S).view(B, S, G, 1, D));
            Tensor values = part.of(rows(v, key, B * S).view(B, S, G, 1, D));
            Tensor mixed = part.of(rows(out, query, B * T).view(B, T, G, R, D));
            forEachTile(T, S, (start, t, s) -> {
                reserve(part.n(), T, S);
                Tensor tileKeys = pack(keys, 0, s, part.n());
                Tensor p = probabilities(pack(queries, start, t, part.n()), tileKeys, t, s);
                Tensor result = scratch.take(dtype, part.n(), R * t, D);
                TorchOps.bmm(result, p, packInto(tileKeys, values, 0, s), 1);
                unpack(mixed, start, t, result);
            });
        });
    }

    /** Rows of the outputs that no segment covers do not exist, so every row is overwritten. */
    void backward(Tensor dq, Tensor dk, Tensor dv, Tensor dOut, Tensor q, Tensor k, Tensor v, Segments segments) {
        forEachSlice(segments, (B, T, S, query, key, part) -> {
            Tensor queries = part.of(rows(q, query, B * T).view(B, T, G, R, D));
            Tensor dMixed = part.of(rows(dOut, query, B * T).view(B, T, G, R, D));
            Tensor keys = part.of(rows(k, key, B * S).view(B, S, G, 1, D));
            Tensor values = part.of(rows(v, key, B * S).view(B, S, G, 1, D));
            Tensor dQueries = part.of(rows(dq, query, B * T).view(B, T, G, R, D));
            Tensor dKeys = part.of(rows(dk, key, B * S).view(B, S, G, 1, D));
            Tensor dValues = part.of(rows(dv, key, B * S).view(B, S, G, 1, D));
            long n = part.n();
            reserve(n, T, S);
            Sums keySums = new Sums(n, S);
            Sums valueSums = new Sums(n, S);
            long mark = scratch.used();
            // From the last tile, which sees all keys and so begins every sum, to the first.
            forEachTile(T, S, (start, t, s) -> {
                scratch.rewind(mark);
                Tensor tileQueries = pack(queries, start, t, n);
                Tensor tileDMixed = pack(dMixed, start, t, n);
                Tensor tileKeys = pack(keys, 0, s, n);
                Tensor tileValues = pack(values, 0, s, n);
                Tensor narrow = scores(tileQueries, tileKeys, t, s);
                Tensor p = widened(narrow);
                TorchOps.softmax(p, p, 2);
                narrow(narrow, p);
                valueSums.add(narrow.transpose(1, 2), tileDMixed, 1);

                Tensor dScores = dtype == ScalarType.Float ? scratch.take(dtype, n, R * t, s) : narrow;
                TorchOps.bmm(dScores, tileDMixed, tileValues.transpose(1, 2), 1);
                Tensor dp = widened(dScores);
                TorchOps.softmaxBackward(dp, dp, p, 2);
                narrow(dScores, dp);
                keySums.add(dScores.transpose(1, 2), tileQueries, scale);

                Tensor result = scratch.take(dtype, n, R * t, D);
                TorchOps.bmm(result, dScores, tileKeys, scale);
                unpack(dQueries, start, t, result);
            });
            unpack(dKeys, 0, S, keySums.value);
            unpack(dValues, 0, S, valueSums.value);
        });
    }

    private void reserve(long n, long T, long S) {
        long tile = Math.min(tuning.tile(), T);
        scratch.begin(workspace(TorchTensor.dtype(dtype).bytes(), n * R * tile * S, n * R * tile * D, n * S * D));
    }

    private Tensor probabilities(Tensor queries, Tensor keys, long t, long s) {
        Tensor p = scores(queries, keys, t, s);
        TorchOps.softmax(p, p, 2);
        return p;
    }

    /** x as float32: a copy, or x itself. */
    private Tensor widened(Tensor x) {
        return dtype == ScalarType.Float
                ? x
                : scratch.take(ScalarType.Float, x.size(0), x.size(1), x.size(2))
                        .copy_(x);
    }

    /** Rounds {@code wide} into {@code out} if they are not one tensor. */
    private void narrow(Tensor out, Tensor wide) {
        if (dtype != ScalarType.Float) {
            out.copy_(wide);
        }
    }

    /** scale queries keys^T (n,R*t,s), with what lies after each query masked. */
    private Tensor scores(Tensor queries, Tensor keys, long t, long s) {
        Tensor p = scratch.take(dtype, queries.size(0), R * t, s);
        TorchOps.bmm(p, queries, keys.transpose(1, 2), scale);
        if (t > 1) {
            p.view(queries.size(0), R, t, s).narrow(3, s - t, t).add_(mask.corner(dtype, t));
        }
        return p;
    }

    /** Rows from .. from+count-1 of x (nb,ng,heads,rows,D), packed as (n, heads*count, D). */
    private Tensor pack(Tensor x, long from, long count, long n) {
        return packInto(scratch.take(dtype, n, x.size(2) * count, D), x, from, count);
    }

    private Tensor packInto(Tensor packed, Tensor x, long from, long count) {
        packed.view(x.size(0), x.size(1), x.size(2), count, D).copy_(x.narrow(3, from, count));
        return packed;
    }

    private void unpack(Tensor x, long from, long count, Tensor packed) {
        x.narrow(3, from, count).copy_(packed.view(x.size(0), x.size(1), x.size(2), count, D));
    }

    private static Tensor rows(Tensor tensor, long from, long count) {
        return tensor.narrow(0, from, count);
    }

    /** Float32 sums (n,S,D) over tiles, of which the first one covers all rows. */
    private final class Sums {
        private final Tensor value;
        private boolean begun;

        Sums(long n, long S) {
            value = scratch.take(ScalarType.Float, n, S, D);
        }

        /** The first rows += alpha a b: as many as a has. */
        void add(Tensor a, Tensor b, double alpha) {
            Tensor rows = value.narrow(1, 0, a.size(1));
            if (dtype == ScalarType.Float) {
                torch.baddbmm_out(rows, rows, a, b, begun ? TorchOps.ONE : TorchOps.ZERO, new Scalar(alpha));
            } else {
                long mark = scratch.used();
                Tensor product = scratch.take(dtype, a.size(0), a.size(1), D);
                TorchOps.bmm(product, a, b, alpha);
                if (begun) {
                    rows.add_(widened(product));
                } else {
                    rows.copy_(product);
                }
                scratch.rewind(mark);
            }
            begun = true;
        }
    }

    /** Key heads {@code head .. head+heads-1} of segments {@code segment .. segment+segments-1}. */
    private record Part(long segment, long segments, long head, long heads) {
        long n() {
            return segments * heads;
        }

        /** x (B,rows,G,heads,D) as a view (nb,ng,heads,rows,D). */
        Tensor of(Tensor x) {
            return x.narrow(0, segment, segments).narrow(2, head, heads).permute(0, 2, 3, 1, 4);
        }
    }

    /** Neighbouring segments of one size are one block; a block is cut into slices of whole segments, or of a segment's heads. */
    private void forEachSlice(Segments segments, Slice slice) {
        int s = 0;
        while (s < segments.count()) {
            int end = s + 1;
            while (end < segments.count()
                    && segments.queries(end) == segments.queries(s)
                    && segments.keys(end) == segments.keys(s)) {
                end++;
            }
            if (segments.queries(s) > 0) {
                forEachSlice(end - s, segments.queries(s), segments.keys(s), segments, s, slice);
            }
            s = end;
        }
    }

    private void forEachSlice(long B, long T, long S, Segments segments, int first, Slice slice) {
        long tile = Math.min(tuning.tile(), T);
        long scores = R * tile * S;
        long most = Math.max(1, tuning.scores() / Math.max(scores, Math.max(S, R * tile) * D));
        long together = Math.max(1, most / G);
        long heads = Math.min(most, G);
        for (long segment = 0; segment < B; segment += together) {
            for (long head = 0; head < G; head += heads) {
                Part part = new Part(segment, Math.min(together, B - segment), head, Math.min(heads, G - head));
                scoped(() -> slice.run(B, T, S, segments.queryStart()[first], segments.keyStart()[first], part));
            }
        }
    }

    /** Tiles from the last to the first; the last query of a segment sees all keys. */
    private void forEachTile(long T, long S, Tile tile) {
        long most = tuning.tile();
        for (long start = (T - 1) / most * most; start >= 0; start -= most) {
            long from = start;
            long t = Math.min(most, T - start);
            scoped(() -> tile.run(from, t, S - T + from + t));
        }
    }

    /** A part of B segments of T queries and S keys each, which begin at these rows. */
    @FunctionalInterface
    private interface Slice {
        void run(long B, long T, long S, long query, long key, Part part);
    }

    @FunctionalInterface
    private interface Tile {
        void run(long start, long t, long s);
    }
}
