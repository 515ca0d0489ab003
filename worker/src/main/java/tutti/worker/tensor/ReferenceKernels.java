package tutti.worker.tensor;

import static tutti.worker.tensor.ReferenceTensor.doubles;
import static tutti.worker.tensor.ReferenceTensor.ints;

import java.nio.ByteBuffer;
import java.nio.DoubleBuffer;
import java.util.Set;

/**
 * The oracle: every kernel as a textbook writes it, in float64, one loop after the other. Slow on purpose. The short kernels
 * are here, the others in {@link Embedding}, {@link RmsNorm}, {@link Rope}, {@link Attention}, {@link SwiGlu}, {@link
 * Quantization} and {@link CrossEntropy}. Supports F64 only; a tensor holds less than 2 GiB.
 */
public final class ReferenceKernels implements Kernels {

    @Override
    public String name() {
        return "reference";
    }

    @Override
    public DType masterDType() {
        return DType.F64;
    }

    @Override
    public Set<DType> computeDTypes() {
        return Set.of(DType.F64);
    }

    @Override
    public Arena arena(String name, long bytes) {
        return new ReferenceArena(name, bytes);
    }

    @Override
    public boolean takesHostMemory() {
        return true;
    }

    @Override
    public Arena arena(String name, ByteBuffer memory) {
        return new ReferenceArena(name, memory);
    }

    /** Scratch lies on the Java heap, a row at a time. */
    @Override
    public long workspaceBytes(Dimensions dimensions, DType compute) {
        return 0;
    }

    @Override
    public long libraryBytes() {
        return 0;
    }

    @Override
    public void reserve(Dimensions dimensions, DType compute) {
        // Nothing to take.
    }

    @Override
    public void fill(Tensor out, double value) {
        DoubleBuffer o = doubles(out);
        for (int i = 0; i < o.capacity(); i++) {
            o.put(i, value);
        }
    }

    @Override
    public void copy(Tensor out, Tensor in) {
        Checks.sameCount(in, out.shape());
        doubles(out).put(0, doubles(in), 0, (int) out.count());
    }

    @Override
    public void add(Tensor out, Tensor a, Tensor b) {
        Checks.sameShape("add", out, a, b);
        DoubleBuffer o = doubles(out);
        DoubleBuffer left = doubles(a);
        DoubleBuffer right = doubles(b);
        for (int i = 0; i < o.capacity(); i++) {
            o.put(i, left.get(i) + right.get(i));
        }
    }

    @Override
    public void scale(Tensor x, double alpha) {
        DoubleBuffer values = doubles(x);
        for (int i = 0; i < values.capacity(); i++) {
            values.put(i, values.get(i) * alpha);
        }
    }

    @Override
    public void axpy(Tensor y, double alpha, Tensor x) {
        Checks.sameShape("axpy", y, x);
        DoubleBuffer sum = doubles(y);
        DoubleBuffer added = doubles(x);
        for (int i = 0; i < sum.capacity(); i++) {
            sum.put(i, sum.get(i) + alpha * added.get(i));
        }
    }

    @Override
    public double squaredNorm(Tensor x) {
        DoubleBuffer values = doubles(x);
        double sum = 0;
        for (int i = 0; i < values.capacity(); i++) {
            sum += values.get(i) * values.get(i);
        }
        return sum;
    }

    @Override
    public void matmul(Tensor out, Tensor a, boolean transposeA, Tensor b, boolean transposeB, boolean accumulate) {
        Checks.matmul(out, a, transposeA, b, transposeB);
        DoubleBuffer o = doubles(out);
        DoubleBuffer left = doubles(a);
        DoubleBuffer right = doubles(b);
        int rows = size(out, 0);
        int columns = size(out, 1);
        int inner = size(a, transposeA ? 0 : 1);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                double sum = accumulate ? o.get(i * columns + j) : 0;
                for (int k = 0; k < inner; k++) {
                    double x = left.get(transposeA ? k * rows + i : i * inner + k);
                    double y = right.get(transposeB ? j * inner + k : k * columns + j);
                    sum += x * y;
                }
                o.put(i * columns + j, sum);
            }
        }
    }

    @Override
    public void embedding(Tensor out, Tensor table, Tensor ids) {
        Checks.embedding(out, table, ids);
        Embedding.forward(doubles(out), doubles(table), ints(ids), size(table, 1));
    }

    @Override
    public void embeddingBackward(Tensor dTable, Tensor ids, Tensor dOut) {
        Checks.embedding(dOut, dTable, ids);
        Embedding.backward(doubles(dTable), ints(ids), doubles(dOut), size(dTable, 1));
    }

    @Override
    public void rmsNorm(Tensor out, Tensor rstd, Tensor x, Tensor weight, double eps) {
        Checks.rmsNorm(x, weight, rstd, masterDType());
        Checks.sameShape("rmsNorm", out, x);
        RmsNorm.forward(doubles(out), doubles(rstd), doubles(x), doubles(weight), eps, size(x, 0), size(x, 1));
    }

    @Override
    public void rmsNormBackward(Tensor dx, Tensor dWeight, Tensor dOut, Tensor x, Tensor weight, Tensor rstd) {
        Checks.rmsNorm(x, weight, rstd, masterDType());
        Checks.sameShape("rmsNormBackward", dx, dOut, x);
        Checks.sameShape("rmsNormBackward", dWeight, weight);
        RmsNorm.backward(
                doubles(dx),
                doubles(dWeight),
                doubles(dOut),
                doubles(x),
                doubles(weight),
                doubles(rstd),
                size(x, 0),
                size(x, 1));
    }

    @Override
    public void rope(Tensor x, Tensor cos, Tensor sin, Tensor positions, boolean inverse) {
        Checks.rope(x, cos, sin, positions, masterDType());
        int direction = inverse ? -1 : 1;
        Rope.rotate(
                doubles(x), doubles(cos), doubles(sin), ints(positions), direction, size(x, 0), size(x, 1), size(x, 2));
    }

    @Override
    public void attention(Tensor out, Tensor q, Tensor k, Tensor v, Segments segments, double scale) {
        Checks.attention(q, k, v, segments);
        Checks.sameShape("attention", out, q);
        new Attention(size(q, 1), size(k, 1), size(q, 2), segments, scale)
                .forward(doubles(out), doubles(q), doubles(k), doubles(v));
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
        fill(dq, 0);
        fill(dk, 0);
        fill(dv, 0);
        new Attention(size(q, 1), size(k, 1), size(q, 2), segments, scale)
                .backward(doubles(dq), doubles(dk), doubles(dv), doubles(dOut), doubles(q), doubles(k), doubles(v));
    }

    @Override
    public void swiglu(Tensor out, Tensor gate, Tensor up) {
        Checks.sameShape("swiglu", out, gate, up);
        SwiGlu.forward(doubles(out), doubles(gate), doubles(up));
    }

    @Override
    public void swigluBackward(Tensor dGate, Tensor dUp, Tensor dOut, Tensor gate, Tensor up) {
        Checks.sameShape("swigluBackward", dOut, dGate, dUp, gate, up);
        SwiGlu.backward(doubles(dGate), doubles(dUp), doubles(dOut), doubles(gate), doubles(up));
    }

    @Override
    public double linearCrossEntropy(Tensor hidden, Tensor head, Tensor labels) {
        Checks.crossEntropy(hidden, head, labels);
        return CrossEntropy.forward(doubles(hidden), doubles(head), ints(labels), size(head, 1), size(head, 0));
    }

    @Override
    public double linearCrossEntropyBackward(
            Tensor dHidden, Tensor dHead, Tensor hidden, Tensor head, Tensor labels, double gradScale) {
        Checks.crossEntropy(hidden, head, labels);
        Checks.sameShape("linearCrossEntropyBackward", hidden, dHidden);
        Checks.sameShape("linearCrossEntropyBackward", head, dHead);
        return CrossEntropy.backward(
                doubles(dHidden),
                doubles(dHead),
                doubles(hidden),
                doubles(head),
                ints(labels),
                gradScale,
                size(head, 1),
                size(head, 0));
    }

    @Override
    public void dropout(Tensor out, Tensor x, Tensor mask, double p) {
        Checks.dropout(out, x, mask, p);
        DoubleBuffer o = doubles(out);
        DoubleBuffer values = doubles(x);
        ByteBuffer keep = mask.bytes();
        for (int i = 0; i < o.capacity(); i++) {
            o.put(i, keep.get(i) == 0 ? 0 : values.get(i) / (1 - p));
        }
    }

    @Override
    public void quantize(Tensor codes, Tensor scales, Tensor x, int block) {
        Checks.quantized(codes, scales, x, block, DType.F64);
        Quantization.quantize(codes.bytes(), doubles(scales), doubles(x), block);
    }

    @Override
    public void dequantize(Tensor out, Tensor codes, Tensor scales, int block) {
        Checks.quantized(codes, scales, out, block, DType.F64);
        Quantization.dequantize(doubles(out), codes.bytes(), doubles(scales), block);
    }

    @Override
    public void adamW(Tensor weight, Tensor copy, Tensor m, Tensor v, Tensor grad, AdamWStep step) {
        Checks.adamW(weight, copy, m, v, grad, DType.F64);
        DoubleBuffer w = doubles(weight);
        DoubleBuffer first = doubles(m);
        DoubleBuffer second = doubles(v);
        DoubleBuffer gradient = doubles(grad);
        double correction1 = 1 - Math.pow(step.beta1(), step.t());
        double correction2 = 1 - Math.pow(step.beta2(), step.t());
        for (int i = 0; i < w.capacity(); i++) {
            double g = gradient.get(i) * step.gradScale();
            first.put(i, step.beta1() * first.get(i) + (1 - step.beta1()) * g);
            second.put(i, step.beta2() * second.get(i) + (1 - step.beta2()) * g * g);
            double decayed = w.get(i) - step.learningRate() * step.weightDecay() * w.get(i);
            double denominator = Math.sqrt(second.get(i) / correction2) + step.eps();
            w.put(i, decayed - step.learningRate() * (first.get(i) / correction1) / denominator);
        }
        if (copy != weight) {
            copy(copy, weight);
        }
    }

    @Override
    public void close() {
        // Owns no memory: the arenas do.
    }

    private static int size(Tensor tensor, int dimension) {
        return Math.toIntExact(tensor.shape().size(dimension));
    }
}
