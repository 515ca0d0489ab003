package tutti.worker.tensor.torch;

import static tutti.worker.tensor.torch.TorchKernels.scoped;

import java.util.stream.LongStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import tutti.worker.tensor.Dimensions;

/**
 * Matrix products out (m,n) of a (m,k) and b (k,n), and their sum into a wider gradient, which libtorch does not offer on a CPU.
 * Operands may be transposed views or columns of a wider matrix.
 *
 * <p>A widened product goes in tiles: what is widened is multiplied while it is in the cache, and scratch does not grow with the
 * matrices. A tile of out is summed in float32 over all of k, in place if out is float32, and rounded once if it is not.
 */
final class TorchProducts {
    /** Longest side of a tile: the larger it is, the fewer times an operand is widened. */
    private static final long TILE = 1024;
    /** Tiles have sides of a multiple of this, apart from the last ones. */
    private static final long GRAIN = 16;

    private final TorchScratch scratch;
    private final Tuning tuning;
    private final Bf16Products bf16;

    TorchProducts(TorchScratch scratch) {
        this.scratch = scratch;
        this.tuning = scratch.tuning();
        this.bf16 = tuning.bf16();
    }

    /** Bytes of scratch for the products with the weights of a block, and for their gradients; none where no dtype changes. */
    static long workspace(Dimensions d, int elementBytes, Tuning tuning) {
        long attention = (long) d.heads() * d.headDim();
        return LongStream.of(attention, d.intermediate())
                .map(side -> workspace(d.hidden(), d.rows(), side, elementBytes, tuning))
                .max()
                .orElseThrow();
    }

    /**
     * For a sum into float32 (m,n) over k, and for all that are smaller. Where products are widened this is also enough for those
     * into BF16, of m, k and n in any order.
     */
    static long workspace(long m, long k, long n, int elementBytes, Tuning tuning) {
        if (elementBytes == Float.BYTES) {
            return 0;
        }
        return tuning.bf16().widened() ? tiles(m, k) + tiles(k, n) + tiles(m, n) : staging(m * n, tuning);
    }

    private static long tiles(long rows, long columns) {
        return TorchScratch.bytes(Float.BYTES, Math.min(TILE, rows) * Math.min(TILE, columns));
    }

    private static long staging(long outputs, Tuning tuning) {
        return TorchScratch.bytes(Short.BYTES, outputs)
                + TorchScratch.bytes(Float.BYTES, Math.min(tuning.sum(), outputs));
    }

    /** out = a b, or out += a b; out is of the operands' dtype, or float32. A kernel call of its own. */
    void multiply(Tensor out, Tensor a, Tensor b, boolean accumulate) {
        long m = a.size(0);
        long k = a.size(1);
        long n = b.size(1);
        boolean sum = isFloat(out) && !isFloat(a);
        boolean large = !isFloat(a) && Math.min(m, Math.min(k, n)) >= bf16.widenedFrom();
        if (sum || large) {
            scratch.begin(workspace(m, k, n, (int) a.element_size(), tuning));
        }
        if (sum && accumulate) {
            add(out, a, b, 1);
        } else if (sum) {
            set(out, a, b);
        } else if (large) {
            inTiles(out, a, b, 1, accumulate);
        } else if (accumulate) {
            torch.addmm_out(out, out, a, b);
        } else {
            torch.mm_out(out, a, b);
        }
    }

    /** out = a b, with out of the operands' dtype or float32. */
    void set(Tensor out, Tensor a, Tensor b) {
        if (isFloat(b) || !isFloat(out)) {
            torch.mm_out(out, a, b);
        } else if (bf16.widened()) {
            inTiles(out, a, b, 1, false);
        } else {
            long mark = scratch.used();
            Tensor product = scratch.take(ScalarType.BFloat16, out.size(0), out.size(1));
            torch.mm_out(product, a, b);
            out.copy_(product);
            scratch.rewind(mark);
        }
    }

    /** out += alpha a b with out float32, whatever a and b are. */
    void add(Tensor out, Tensor a, Tensor b, double alpha) {
        if (isFloat(a) && isFloat(b)) {
            torch.addmm_out(out, out, a, b, TorchOps.ONE, new Scalar(alpha));
        } else if (bf16.widened()) {
            inTiles(out, a, b, alpha, true);
        } else {
            addNative(out, a, b, alpha);
        }
    }

    /** The product is rounded once, the sum is not. libtorch's own addition of two dtypes runs an element at a time. */
    private void addNative(Tensor out, Tensor a, Tensor b, double alpha) {
        long mark = scratch.used();
        Tensor product = scratch.take(ScalarType.BFloat16, out.size(0), out.size(1));
        TorchOps.mm(product, a, b, alpha);
        long count = out.numel();
        long most = tuning.sum();
        Tensor wide = scratch.take(ScalarType.Float, Math.min(most, count));
        Tensor flatOut = out.view(-1);
        Tensor flatProduct = product.view(-1);
        for (long from = 0; from < count; from += most) {
            long start = from;
            long size = Math.min(most, count - from);
            scoped(() -> {
                Tensor piece = RowPieces.of(wide, 0, size);
                piece.copy_(RowPieces.of(flatProduct, start, size));
                RowPieces.of(flatOut, start, size).add_(piece);
            });
        }
        scratch.rewind(mark);
    }

    private void inTiles(Tensor out, Tensor a, Tensor b, double alpha, boolean accumulate) {
        long m = a.size(0);
        long n = b.size(1);
        long rows = step(m);
        long columns = step(n);
        long mark = scratch.used();
        if (rows >= m && columns >= n) {
            inOneTile(out, a, b, alpha, accumulate);
            scratch.rewind(mark);
            return;
        }
        for (long row = 0; row < m; row += rows) {
            for (long column = 0; column < n; column += columns) {
                long i = row;
                long j = column;
                scoped(() -> inOneTile(
                        tile(out, i, rows, j, columns),
                        tile(a, i, rows, 0, a.size(1)),
                        tile(b, 0, b.size(0), j, columns),
                        alpha,
                        accumulate));
                scratch.rewind(mark);
            }
        }
    }

    /** The inner side goes in steps too, so that neither operand is widened whole. */
    private void inOneTile(Tensor out, Tensor a, Tensor b, double alpha, boolean accumulate) {
        long k = a.size(1);
        long inner = step(k);
        Tensor sum = accumulate ? widened(out) : wide(out);
        long summed = scratch.used();
        Scalar factor = alpha == 1 ? TorchOps.ONE : new Scalar(alpha);
        for (long l = 0; l < k; l += inner) {
            Tensor left = widened(tile(a, 0, a.size(0), l, inner));
            Tensor right = widened(tile(b, l, inner, 0, b.size(1)));
            torch.addmm_out(sum, sum, left, right, accumulate || l > 0 ? TorchOps.ONE : TorchOps.ZERO, factor);
            scratch.rewind(summed);
        }
        if (!isFloat(out)) {
            out.copy_(sum);
        }
    }

    /** Sides are cut evenly, so that no tile is a sliver. */
    private static long step(long side) {
        long tiles = (side + TILE - 1) / TILE;
        long even = (side + tiles - 1) / tiles;
        return (even + GRAIN - 1) / GRAIN * GRAIN;
    }

    private static Tensor tile(Tensor x, long row, long rows, long column, long columns) {
        Tensor some = RowPieces.of(x, row, Math.min(rows, x.size(0) - row));
        long count = Math.min(columns, x.size(1) - column);
        return count == x.size(1) ? some : some.narrow(1, column, count);
    }

    /** x in float32, in the order in which x lies in memory: a copy, or x itself. */
    private Tensor widened(Tensor x) {
        if (isFloat(x)) {
            return x;
        }
        if (x.stride(0) != 1 || x.stride(1) == 1) {
            return wide(x).copy_(x);
        }
        Tensor lying = x.t();
        return wide(lying).copy_(lying).t();
    }

    /** Float32 of x's size with arbitrary contents, or x itself. */
    private Tensor wide(Tensor x) {
        return isFloat(x) ? x : scratch.take(ScalarType.Float, x.size(0), x.size(1));
    }

    private static boolean isFloat(Tensor x) {
        // Its dtype would be asked with an array of all dtypes made anew.
        return x.element_size() == Float.BYTES;
    }
}
