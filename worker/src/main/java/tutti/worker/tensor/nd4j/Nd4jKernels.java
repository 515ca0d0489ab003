package tutti.worker.tensor.nd4j;

import java.util.Set;
import java.util.function.Consumer;
import java.util.function.ToDoubleFunction;
import org.nd4j.linalg.api.ndarray.INDArray;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.Checks;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Dimensions;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.Segments;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/**
 * Kernels by ND4J: F32 and BF16 activations, float32 master weights. BF16 values are widened, every product and every other step is
 * float32, and a result is rounded once, to nearest even. Nothing of a call outlives it but the scratch memory, which is kept.
 *
 * <p>The number of threads is one setting of the whole process, so all instances share the last one given. It also decides how
 * BLAS splits sums: bits are equal between ranks that use the same number.
 */
public final class Nd4jKernels implements Kernels {
    /** Elements of long vectors that are worked on at once, so that temporaries are small and stay in the cache. */
    static final long PIECE = 1L << 18;

    private final Scratch scratch = new Scratch();
    private final Shells shells = new Shells();

    /** @param threads worker threads inside one kernel, at least 1 */
    public Nd4jKernels(int threads) {
        TuttiException.require(threads >= 1, "threads=%d, expected at least 1", threads);
        Nd4jRuntime.setThreads(threads);
    }

    @Override
    public String name() {
        return "nd4j";
    }

    @Override
    public DType masterDType() {
        return DType.F32;
    }

    @Override
    public Set<DType> computeDTypes() {
        return Set.of(DType.F32, DType.BF16);
    }

    @Override
    public Arena arena(String name, long bytes) {
        return new Nd4jArena(name, bytes);
    }

    @Override
    public long workspaceBytes(Dimensions dimensions, DType compute) {
        return Nd4jWorkspace.bytes(dimensions, compute);
    }

    /** Not measured yet. */
    @Override
    public long libraryBytes() {
        return 0;
    }

    /** Takes this room's scratch. ND4J itself still allocates a few bytes for each operation, and frees them with the call. */
    @Override
    public void reserve(Dimensions dimensions, DType compute) {
        scratch.reserve(workspaceBytes(dimensions, compute));
    }

    /** Most bytes of scratch that any call so far has held. */
    long scratchPeak() {
        return scratch.peak();
    }

    private Call newCall() {
        return new Call(scratch, shells);
    }

    private void run(Consumer<Call> body) {
        try (Call call = newCall()) {
            body.accept(call);
        }
    }

    private double compute(ToDoubleFunction<Call> body) {
        try (Call call = newCall()) {
            return body.applyAsDouble(call);
        }
    }

    /** Runs {@code body} on pieces of neighbouring elements of the tensors, which all have as many as the first. */
    private void forEachPiece(PieceBody body, Tensor... tensors) {
        long count = tensors[0].count();
        for (long from = 0; from < count; from += PIECE) {
            Tensor[] pieces = new Tensor[tensors.length];
            for (int i = 0; i < tensors.length; i++) {
                pieces[i] = flat(tensors[i]).rows(from, Math.min(PIECE, count - from));
            }
            run(call -> body.run(call, pieces));
        }
    }

    static Tensor flat(Tensor tensor) {
        return tensor.shape().rank() == 1 ? tensor : tensor.view(Shape.of(tensor.count()));
    }

    @FunctionalInterface
    private interface PieceBody {
        void run(Call call, Tensor[] pieces);
    }

    /** Reads a piece as a vector of float32. */
    private static INDArray read(Call call, Tensor piece) {
        return call.vector(call.read(piece), piece.count());
    }

    // ---- elementwise ----

    @Override
    public void fill(Tensor out, double value) {
        if (out.count() > 0) {
            run(call -> Ops.fill(call.flat(out), call.scalar(value)));
        }
    }

    @Override
    public void copy(Tensor out, Tensor in) {
        Checks.sameCount(in, out.shape());
        forEachPiece((call, t) -> copyPiece(call, t[0], t[1]), out, in);
    }

    private static void copyPiece(Call call, Tensor out, Tensor in) {
        if (out.dtype() == in.dtype() || out.dtype() != DType.BF16) {
            Ops.cast(call.flat(out), call.flat(in));
        } else {
            long wide = call.temporary(in.count());
            Ops.cast(call.vector(wide, in.count()), call.flat(in));
            call.store(out, wide);
        }
    }

    @Override
    public void add(Tensor out, Tensor a, Tensor b) {
        Checks.sameShape("add", out, a, b);
        Checks.sameDType("add", out, a, b);
        forEachPiece(
                (call, t) -> {
                    long sum = call.target(t[0]);
                    Ops.add(call.vector(sum, t[0].count()), read(call, t[1]), read(call, t[2]));
                    call.store(t[0], sum);
                },
                out,
                a,
                b);
    }

    @Override
    public void scale(Tensor x, double alpha) {
        forEachPiece(
                (call, t) -> {
                    long values = call.read(t[0]);
                    INDArray scaled = call.vector(values, t[0].count());
                    Ops.multiply(scaled, scaled, call.scalar(alpha));
                    call.store(t[0], values);
                },
                x);
    }

    @Override
    public void axpy(Tensor y, double alpha, Tensor x) {
        Checks.sameShape("axpy", y, x);
        Checks.sameDType("axpy", y, x);
        forEachPiece(
                (call, t) -> {
                    long n = t[0].count();
                    INDArray scaled = call.vector(call.temporary(n), n);
                    Ops.multiply(scaled, read(call, t[1]), call.scalar(alpha));
                    long sum = call.read(t[0]);
                    Ops.add(call.vector(sum, n), call.vector(sum, n), scaled);
                    call.store(t[0], sum);
                },
                y,
                x);
    }

    @Override
    public double squaredNorm(Tensor x) {
        Tensor flat = flat(x);
        double sum = 0;
        for (long from = 0; from < x.count(); from += Nd4jOptimizer.NORM_PIECE) {
            Tensor piece = flat.rows(from, Math.min(Nd4jOptimizer.NORM_PIECE, x.count() - from));
            sum += compute(call -> Nd4jOptimizer.squaredNorm(call, call.flat(piece)));
        }
        return sum;
    }

    // ---- products ----

    @Override
    public void matmul(Tensor out, Tensor a, boolean transposeA, Tensor b, boolean transposeB, boolean accumulate) {
        Checks.matmul(out, a, transposeA, b, transposeB);
        Checks.sameDType("matmul", a, b);
        TuttiException.require(
                out.dtype() == a.dtype() || out.dtype() == masterDType(),
                Category.BUG,
                "matmul: out=%s from %s; another dtype must be %s",
                out,
                a.dtype(),
                masterDType());
        if (out.count() == 0) {
            return;
        }
        run(call -> {
            long product = accumulate ? call.read(out) : call.target(out);
            Ops.matmul(
                    matrix(call, product, out),
                    matrix(call, call.read(a), a),
                    transposeA,
                    matrix(call, call.read(b), b),
                    transposeB,
                    1,
                    accumulate ? 1 : 0);
            call.store(out, product);
        });
    }

    private static INDArray matrix(Call call, long address, Tensor like) {
        return call.matrix(address, size(like, 0), size(like, 1));
    }

    // ---- embedding ----

    @Override
    public void embedding(Tensor out, Tensor table, Tensor ids) {
        Checks.embedding(out, table, ids);
        Checks.sameDType("embedding", out, table);
        if (out.count() > 0) {
            run(call -> Ops.gather(
                    call.array(out, out.shape().toArray()),
                    call.array(table, table.shape().toArray()),
                    call.flat(ids)));
        }
    }

    @Override
    public void embeddingBackward(Tensor dTable, Tensor ids, Tensor dOut) {
        Checks.embedding(dOut, dTable, ids);
        Checks.dtype("embeddingBackward dTable", dTable, masterDType());
        if (dOut.count() == 0) {
            return;
        }
        run(call -> Nd4jEmbedding.backward(
                call, call.read(dTable), ids.ints(), call.read(dOut), size(dOut, 0), size(dTable, 0), size(dTable, 1)));
    }

    // ---- norm, rotation, gate ----

    @Override
    public void rmsNorm(Tensor out, Tensor rstd, Tensor x, Tensor weight, double eps) {
        Checks.rmsNorm(x, weight, rstd, masterDType());
        Checks.sameShape("rmsNorm", out, x);
        Checks.sameDType("rmsNorm", out, x);
        if (x.count() == 0) {
            return;
        }
        run(call -> {
            long result = call.target(out);
            Nd4jNorm.rmsNorm(
                    call, result, call.target(rstd), call.read(x), call.read(weight), eps, size(x, 0), size(x, 1));
            call.store(out, result);
        });
    }

    @Override
    public void rmsNormBackward(Tensor dx, Tensor dWeight, Tensor dOut, Tensor x, Tensor weight, Tensor rstd) {
        Checks.rmsNorm(x, weight, rstd, masterDType());
        Checks.sameShape("rmsNormBackward", dx, dOut, x);
        Checks.sameShape("rmsNormBackward", dWeight, weight);
        Checks.sameDType("rmsNormBackward", x, dx, dOut);
        Checks.dtype("rmsNormBackward dWeight", dWeight, masterDType());
        if (x.count() == 0) {
            return;
        }
        run(call -> {
            long sum = call.read(dx);
            Nd4jNorm.rmsNormBackward(
                    call,
                    sum,
                    call.read(dWeight),
                    call.read(dOut),
                    call.read(x),
                    call.read(weight),
                    call.read(rstd),
                    size(x, 0),
                    size(x, 1));
            call.store(dx, sum);
        });
    }

    @Override
    public void rope(Tensor x, Tensor cos, Tensor sin, Tensor positions, boolean inverse) {
        Checks.rope(x, cos, sin, positions, masterDType());
        if (x.count() == 0) {
            return;
        }
        run(call -> {
            long values = call.read(x);
            Nd4jNorm.rope(
                    call,
                    values,
                    rowsAt(call, cos, positions),
                    rowsAt(call, sin, positions),
                    inverse,
                    size(x, 0),
                    size(x, 1),
                    size(x, 2));
            call.store(x, values);
        });
    }

    /** The rows of a float32 table at the positions. */
    private static long rowsAt(Call call, Tensor table, Tensor positions) {
        long columns = size(table, 1);
        long rows = call.temporary(positions.count() * columns);
        Ops.gather(
                call.matrix(rows, positions.count(), columns),
                matrix(call, call.read(table), table),
                call.flat(positions));
        return rows;
    }

    @Override
    public void swiglu(Tensor out, Tensor gate, Tensor up) {
        Checks.sameShape("swiglu", out, gate, up);
        Checks.sameDType("swiglu", out, gate, up);
        forEachPiece(
                (call, t) -> {
                    long n = t[0].count();
                    INDArray g = read(call, t[1]);
                    INDArray activated = call.vector(call.temporary(n), n);
                    Ops.sigmoid(activated, g);
                    Ops.multiply(activated, activated, g);
                    long result = call.target(t[0]);
                    Ops.multiply(call.vector(result, n), activated, read(call, t[2]));
                    call.store(t[0], result);
                },
                out,
                gate,
                up);
    }

    /** d silu(g) / dg = s + g s (1 - s) with s = sigmoid(g). */
    @Override
    public void swigluBackward(Tensor dGate, Tensor dUp, Tensor dOut, Tensor gate, Tensor up) {
        Checks.sameShape("swigluBackward", dOut, dGate, dUp, gate, up);
        Checks.sameDType("swigluBackward", dOut, dGate, dUp, gate, up);
        forEachPiece(
                (call, t) -> {
                    long n = t[0].count();
                    INDArray g = read(call, t[3]);
                    INDArray d = read(call, t[2]);
                    INDArray s = call.vector(call.temporary(n), n);
                    INDArray silu = call.vector(call.temporary(n), n);
                    INDArray dSilu = call.vector(call.temporary(n), n);
                    Ops.sigmoid(s, g);
                    Ops.multiply(silu, s, g);
                    Ops.multiply(dSilu, silu, s);
                    Ops.subtract(dSilu, silu, dSilu);
                    Ops.add(dSilu, dSilu, s);
                    // All inputs are read before an output is written: the outputs may be the inputs.
                    Ops.multiply(dSilu, dSilu, d);
                    Ops.multiply(dSilu, dSilu, read(call, t[4]));
                    long dUps = call.target(t[1]);
                    Ops.multiply(call.vector(dUps, n), d, silu);
                    call.store(t[1], dUps);
                    long dGates = call.target(t[0]);
                    Ops.cast(call.vector(dGates, n), dSilu);
                    call.store(t[0], dGates);
                },
                dGate,
                dUp,
                dOut,
                gate,
                up);
    }

    // ---- attention ----

    @Override
    public void attention(Tensor out, Tensor q, Tensor k, Tensor v, Segments segments, double scale) {
        Checks.attention(q, k, v, segments);
        Checks.sameShape("attention", out, q);
        Checks.sameDType("attention", out, q);
        if (out.count() == 0) {
            return;
        }
        run(call -> {
            long mixed = call.target(out);
            attention(call, q, k, scale).forward(mixed, call.read(q), call.read(k), call.read(v), segments);
            call.store(out, mixed);
        });
    }

    @Override
    public void attentionBackward(
            Tensor dq,
            Tensor dk,
            Tensor dv,
            Tensor dOut,
            Tensor q,
            Tensor k,
            Tensor v,
            Segments segments,
            double scale) {
        Checks.attention(q, k, v, segments);
        Checks.trainingSegments(segments);
        Checks.sameShape("attentionBackward", q, dq, dOut);
        Checks.sameShape("attentionBackward", k, dk, dv);
        Checks.sameDType("attentionBackward", q, dq, dk, dv, dOut);
        if (q.count() == 0) {
            return;
        }
        run(call -> {
            long dQueries = call.target(dq);
            long dKeys = call.target(dk);
            long dValues = call.target(dv);
            attention(call, q, k, scale)
                    .backward(
                            dQueries,
                            dKeys,
                            dValues,
                            call.read(dOut),
                            call.read(q),
                            call.read(k),
                            call.read(v),
                            segments);
            call.store(dq, dQueries);
            call.store(dk, dKeys);
            call.store(dv, dValues);
        });
    }

    private static Nd4jAttention attention(Call call, Tensor q, Tensor k, double scale) {
        return new Nd4jAttention(call, size(q, 1), size(k, 1), size(q, 2), scale);
    }

    // ---- cross-entropy ----

    @Override
    public double linearCrossEntropy(Tensor hidden, Tensor head, Tensor labels) {
        Checks.crossEntropy(hidden, head, labels);
        Checks.sameDType("linearCrossEntropy", hidden, head);
        if (hidden.count() == 0) {
            return 0;
        }
        return compute(call -> crossEntropy(call, hidden, head, labels).forward());
    }

    @Override
    public double linearCrossEntropyBackward(
            Tensor dHidden, Tensor dHead, Tensor hidden, Tensor head, Tensor labels, double gradScale) {
        Checks.crossEntropy(hidden, head, labels);
        Checks.sameDType("linearCrossEntropy", hidden, head, dHidden);
        Checks.sameShape("linearCrossEntropyBackward", hidden, dHidden);
        Checks.sameShape("linearCrossEntropyBackward", head, dHead);
        Checks.dtype("linearCrossEntropyBackward dHead", dHead, masterDType());
        if (hidden.count() == 0) {
            return 0;
        }
        return compute(call -> {
            long gradient = call.target(dHidden);
            double loss = crossEntropy(call, hidden, head, labels).backward(gradient, call.read(dHead), gradScale);
            call.store(dHidden, gradient);
            return loss;
        });
    }

    private static Nd4jCrossEntropy crossEntropy(Call call, Tensor hidden, Tensor head, Tensor labels) {
        return new Nd4jCrossEntropy(
                call, size(hidden, 0), size(head, 0), size(head, 1), call.read(hidden), call.read(head), labels.ints());
    }

    // ---- dropout, codes, optimizer ----

    @Override
    public void dropout(Tensor out, Tensor x, Tensor mask, double p) {
        Checks.dropout(out, x, mask, p);
        forEachPiece(
                (call, t) -> {
                    long n = t[0].count();
                    INDArray keep = call.vector(call.temporary(n), n);
                    Ops.cast(keep, call.flat(t[2]));
                    long result = call.target(t[0]);
                    INDArray kept = call.vector(result, n);
                    Ops.multiply(kept, read(call, t[1]), keep);
                    Ops.divide(kept, kept, call.scalar(1 - p));
                    call.store(t[0], result);
                },
                out,
                x,
                mask);
    }

    @Override
    public void quantize(Tensor codes, Tensor scales, Tensor x, int block) {
        Checks.quantized(codes, scales, x, block, masterDType());
        Nd4jQuantization.quantize(this::newCall, codes, scales, x, block);
    }

    @Override
    public void dequantize(Tensor out, Tensor codes, Tensor scales, int block) {
        Checks.quantized(codes, scales, out, block, masterDType());
        Nd4jQuantization.dequantize(this::newCall, out, codes, scales, block);
    }

    @Override
    public void adamW(Tensor weight, Tensor copy, Tensor m, Tensor v, Tensor grad, AdamWStep step) {
        Checks.adamW(weight, copy, m, v, grad, masterDType());
        forEachPiece(
                (call, t) -> {
                    Nd4jOptimizer.adamW(call, call.flat(t[0]), call.flat(t[2]), call.flat(t[3]), call.flat(t[4]), step);
                    if (copy != weight) {
                        copyPiece(call, t[1], t[0]);
                    }
                },
                weight,
                copy,
                m,
                v,
                grad);
    }

    private static long size(Tensor tensor, int dimension) {
        return tensor.shape().size(dimension);
    }

    @Override
    public void close() {
        shells.clear();
        scratch.close();
    }
}
