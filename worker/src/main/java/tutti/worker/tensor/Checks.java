package tutti.worker.tensor;

import static tutti.common.error.TuttiException.require;

import java.nio.IntBuffer;
import tutti.common.error.Category;

/** What every backend asks of its arguments before it touches memory; a violation is a fault of the caller (BUG). */
public final class Checks {
    private Checks() {}

    private static void demand(boolean ok, String format, Object... args) {
        require(ok, Category.BUG, format, args);
    }

    /** The shape of {@code tensor} is exactly {@code sizes}. */
    public static void shape(String name, Tensor tensor, long... sizes) {
        boolean same = tensor.shape().rank() == sizes.length;
        for (int i = 0; same && i < sizes.length; i++) {
            same = tensor.shape().size(i) == sizes[i];
        }
        // The message is built only on failure: this runs in every kernel call.
        if (!same) {
            demand(false, "%s: shape=%s, expected=%s", name, tensor.shape(), Shape.of(sizes));
        }
    }

    /** Returns {@code tensor}, which must have {@code rank} dimensions. */
    public static Tensor rank(String name, Tensor tensor, int rank) {
        if (tensor.shape().rank() != rank) {
            demand(false, "%s: shape=%s, expected %d dimensions", name, tensor.shape(), rank);
        }
        return tensor;
    }

    /** Returns {@code tensor}, which must be of {@code dtype}. */
    public static Tensor dtype(String name, Tensor tensor, DType dtype) {
        if (tensor.dtype() != dtype) {
            demand(false, "%s: dtype=%s, expected=%s", name, tensor.dtype(), dtype);
        }
        return tensor;
    }

    /** All of {@code others} have the shape of {@code first}. */
    public static void sameShape(String name, Tensor first, Tensor... others) {
        for (Tensor other : others) {
            if (!first.shape().equals(other.shape())) {
                demand(false, "%s: shapes differ: %s and %s", name, first.shape(), other.shape());
            }
        }
    }

    /** All of {@code others} have the dtype of {@code first}. */
    public static void sameDType(String name, Tensor first, Tensor... others) {
        for (Tensor other : others) {
            if (first.dtype() != other.dtype()) {
                demand(false, "%s: dtypes differ: %s and %s", name, first, other);
            }
        }
    }

    /** {@code tensor} has as many elements as {@code shape}. */
    public static void sameCount(Tensor tensor, Shape shape) {
        if (tensor.count() != shape.count()) {
            demand(false, "%s and shape %s have different counts", tensor, shape);
        }
    }

    /** Rows {@code from .. from+count-1} exist. */
    public static void rows(Tensor tensor, long from, long count) {
        boolean inside = tensor.shape().rank() > 0
                && from >= 0
                && count >= 0
                && from <= tensor.shape().size(0) - count;
        if (!inside) {
            demand(false, "rows from=%d count=%d lie outside of %s", from, count, tensor);
        }
    }

    /** The product of {@code op(a)} and {@code op(b)} exists and has the shape of {@code out}. */
    public static void matmul(Tensor out, Tensor a, boolean transposeA, Tensor b, boolean transposeB) {
        rank("matmul a", a, 2);
        rank("matmul b", b, 2);
        long inner = a.shape().size(transposeA ? 0 : 1);
        if (inner != b.shape().size(transposeB ? 1 : 0)) {
            demand(false, "matmul: inner sizes differ: a=%s%s b=%s%s", a, t(transposeA), b, t(transposeB));
        }
        shape("matmul out", out, a.shape().size(transposeA ? 1 : 0), b.shape().size(transposeB ? 0 : 1));
    }

    private static String t(boolean transposed) {
        return transposed ? " transposed" : "";
    }

    /** Shapes as {@link Kernels#attention} asks, and segments that cover all rows. */
    public static void attention(Tensor q, Tensor k, Tensor v, Segments segments) {
        rank("attention q", q, 3);
        rank("attention k", k, 3);
        long heads = q.shape().size(1);
        long keyHeads = k.shape().size(1);
        sameShape("attention k, v", k, v);
        sameDType("attention q, k, v", q, k, v);
        demand(
                keyHeads > 0
                        && heads % keyHeads == 0
                        && q.shape().size(2) == k.shape().size(2),
                "attention: q=%s k=%s: query heads must be a multiple of key heads, head sizes equal",
                q,
                k);
        int count = segments.count();
        demand(
                segments.queryStart()[count] == q.shape().size(0)
                        && segments.keyStart()[count] == k.shape().size(0),
                "attention: segments end at query row %d and key row %d, tensors at %d and %d",
                segments.queryStart()[count],
                segments.keyStart()[count],
                q.shape().size(0),
                k.shape().size(0));
        for (int s = 0; s < count; s++) {
            demand(
                    segments.queries(s) >= 0 && segments.keys(s) >= segments.queries(s),
                    "attention: segment %d has queries=%d keys=%d, expected 0 <= queries <= keys",
                    s,
                    segments.queries(s),
                    segments.keys(s));
        }
    }

    /** Backward needs as many keys as queries in every segment. */
    public static void trainingSegments(Segments segments) {
        for (int s = 0; s < segments.count(); s++) {
            if (segments.queries(s) != segments.keys(s)) {
                demand(
                        false,
                        "attentionBackward: segment %d has queries=%d keys=%d, expected equal",
                        s,
                        segments.queries(s),
                        segments.keys(s));
            }
        }
    }

    /** Shapes and ids as {@link Kernels#embedding} asks; {@code rows} is out or dOut. */
    public static void embedding(Tensor rows, Tensor table, Tensor ids) {
        rank("embedding table", table, 2);
        rank("embedding ids", ids, 1);
        shape("embedding rows", rows, ids.count(), table.shape().size(1));
        ids("embedding ids", ids, table.shape().size(0));
    }

    /** Shapes as {@link Kernels#rmsNorm} asks. */
    public static void rmsNorm(Tensor x, Tensor weight, Tensor rstd, DType master) {
        rank("rmsNorm x", x, 2);
        dtype("rmsNorm weight", weight, master);
        dtype("rmsNorm rstd", rstd, master);
        shape("rmsNorm weight", weight, x.shape().size(1));
        shape("rmsNorm rstd", rstd, x.shape().size(0));
    }

    /** Shapes and positions as {@link Kernels#rope} asks. */
    public static void rope(Tensor x, Tensor cos, Tensor sin, Tensor positions, DType master) {
        rank("rope x", x, 3);
        dtype("rope cos", cos, master);
        dtype("rope sin", sin, master);
        demand(x.shape().size(2) % 2 == 0, "rope: x=%s needs an even head size", x);
        shape("rope cos", cos, cos.shape().size(0), x.shape().size(2) / 2);
        sameShape("rope cos, sin", cos, sin);
        shape("rope positions", positions, x.shape().size(0));
        ids("rope positions", positions, cos.shape().size(0));
    }

    /** Shapes and labels as {@link Kernels#linearCrossEntropy} asks. */
    public static void crossEntropy(Tensor hidden, Tensor head, Tensor labels) {
        rank("linearCrossEntropy hidden", hidden, 2);
        rank("linearCrossEntropy head", head, 2);
        shape(
                "linearCrossEntropy head",
                head,
                head.shape().size(0),
                hidden.shape().size(1));
        shape("linearCrossEntropy labels", labels, hidden.shape().size(0));
        IntBuffer values = dtype("linearCrossEntropy labels", labels, DType.I32).ints();
        for (int n = 0; n < values.capacity(); n++) {
            if (values.get(n) != Kernels.IGNORE) {
                id("linearCrossEntropy label", n, values.get(n), head.shape().size(0));
            }
        }
    }

    /** Shapes and share as {@link Kernels#dropout} asks. */
    public static void dropout(Tensor out, Tensor x, Tensor mask, double p) {
        sameShape("dropout", out, x);
        sameDType("dropout", out, x);
        dtype("dropout mask", mask, DType.U8);
        sameCount(mask, x.shape());
        demand(p >= 0 && p < 1, "dropout: p=%s, expected 0 <= p < 1", p);
    }

    /** Shapes as {@link Kernels#quantize} and {@link Kernels#dequantize} ask; {@code x} is the floating side. */
    public static void quantized(Tensor codes, Tensor scales, Tensor x, int block, DType master) {
        dtype("quantized codes", codes, DType.U8);
        dtype("quantized scales", scales, master);
        sameCount(codes, x.shape());
        demand(block > 0, "quantized: block=%d, expected more than 0", block);
        shape("quantized scales", scales, (x.count() + block - 1) / block);
    }

    /** Shapes and dtypes as {@link Kernels#adamW} asks. */
    public static void adamW(Tensor weight, Tensor copy, Tensor m, Tensor v, Tensor grad, DType master) {
        sameShape("adamW", weight, copy, m, v, grad);
        sameDType("adamW", dtype("adamW weight", weight, master), m, v, grad);
    }

    private static void ids(String name, Tensor ids, long rows) {
        IntBuffer values = dtype(name, ids, DType.I32).ints();
        for (int n = 0; n < values.capacity(); n++) {
            id(name, n, values.get(n), rows);
        }
    }

    private static void id(String name, int n, int id, long rows) {
        if (id < 0 || id >= rows) {
            demand(false, "%s: row %d holds %d, expected 0 <= id < %d", name, n, id, rows);
        }
    }

    /** Bytes that taking this tensor uses; fails when the arena is closed or too small. */
    public static long take(
            String arena, String what, DType dtype, Shape shape, boolean open, long used, long capacity) {
        demand(open, "arena %s: %s taken after close", arena, what);
        long bytes = Arena.bytesFor(dtype, shape);
        demand(
                bytes <= capacity - used,
                "arena %s: no room for %s %s%s: needs bytes=%d, free=%d of capacity=%d; the plan was too small",
                arena,
                what,
                dtype,
                shape,
                bytes,
                capacity - used,
                capacity);
        return bytes;
    }
}
