package tutti.deploy.bench;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import tutti.worker.model.LlamaConfig;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.DropoutMask;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.Segments;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/**
 * Every operation of {@link Kernels} at the sizes that a model, a batch and a sequence give. Built on an arena; tensors that keep
 * their contents between calls start from random numbers, see {@link #fill}.
 */
final class KernelCases {
    private static final double DROPOUT = 0.1;
    private static final int QUANTIZE_BLOCK = 64;

    private final Kernels kernels;
    private final LlamaConfig c;
    private final DType compute;
    private final DType master;
    private final Arena arena;
    private final Segments segments;
    private final int rows;
    private final int length;
    private final List<Tensor> floating = new ArrayList<>();
    private final List<KernelCase> cases = new ArrayList<>();

    KernelCases(Kernels kernels, LlamaConfig config, DType compute, int batch, int length, Arena arena) {
        this.kernels = kernels;
        this.c = config;
        this.compute = compute;
        this.master = kernels.masterDType();
        this.arena = arena;
        this.segments = Segments.uniform(batch, length);
        this.rows = Math.multiplyExact(batch, length);
        this.length = length;
        int queries = Math.multiplyExact(c.heads(), c.headDim());
        int keys = Math.multiplyExact(c.kvHeads(), c.headDim());
        linear("q", queries, c.hidden());
        linear("k", keys, c.hidden());
        linear("o", c.hidden(), queries);
        linear("gate", c.intermediate(), c.hidden());
        linear("down", c.hidden(), c.intermediate());
        attention();
        norm();
        activations();
        Tensor head = take(compute, c.vocabulary(), c.hidden());
        Tensor gradient = take(master, c.vocabulary(), c.hidden());
        tokens(head, gradient);
        weights(head, gradient);
    }

    List<KernelCase> list() {
        return List.copyOf(cases);
    }

    /** Gives every floating tensor random numbers. */
    void fill() {
        Noise noise = new Noise(kernels);
        floating.forEach(noise::fill);
    }

    private void linear(String name, int out, int in) {
        Tensor x = take(compute, rows, in);
        Tensor weight = take(compute, out, in);
        Tensor y = take(compute, rows, out);
        Tensor gradient = take(master, out, in);
        double flops = 2.0 * rows * in * out;
        String size = "%s %d x %d x %d".formatted(name, rows, in, out);
        product("matmul forward", size, flops, () -> kernels.matmul(y, x, false, weight, true, false));
        product("matmul input gradient", size, flops, () -> kernels.matmul(x, y, false, weight, false, false));
        product("matmul weight gradient", size, flops, () -> kernels.matmul(gradient, y, true, x, false, true));
    }

    private void attention() {
        List<Tensor> q = heads(c.heads(), 4);
        List<Tensor> kv = heads(c.kvHeads(), 4);
        double scale = 1 / Math.sqrt(c.headDim());
        // A causal query looks at half of the keys; backward computes the scores anew: five products against two.
        double product = 2.0 * c.headDim() * c.heads() * segments.count() * length * (length + 1.0) / 2;
        String size = "%d x %d heads of %d, sequence %d".formatted(segments.count(), c.heads(), c.headDim(), length);
        product(
                "attention",
                size,
                2 * product,
                () -> kernels.attention(q.get(1), q.get(0), kv.get(0), kv.get(1), segments, scale));
        product(
                "attention backward",
                size,
                5 * product,
                () -> kernels.attentionBackward(
                        q.get(3), kv.get(2), kv.get(3), q.get(2), q.get(0), kv.get(0), kv.get(1), segments, scale));

        Tensor cos = take(master, length, c.headDim() / 2);
        Tensor sin = take(master, length, c.headDim() / 2);
        Tensor positions = ints(
                "positions",
                LongStream.range(0, rows).mapToInt(i -> (int) (i % length)).toArray());
        Tensor x = q.get(0);
        memory("rope", bytes(x, x, cos, sin, positions), x, () -> kernels.rope(x, cos, sin, positions, false));
    }

    private void norm() {
        Tensor x = take(compute, rows, c.hidden());
        Tensor y = take(compute, rows, c.hidden());
        Tensor dx = take(compute, rows, c.hidden());
        Tensor weight = take(master, c.hidden());
        Tensor dWeight = take(master, c.hidden());
        Tensor rstd = take(master, rows);
        memory("rmsNorm", bytes(x, weight, y, rstd), x, () -> kernels.rmsNorm(y, rstd, x, weight, c.normEps()));
        memory(
                "rmsNorm backward",
                bytes(dx, dx, dWeight, dWeight, y, x, weight, rstd),
                x,
                () -> kernels.rmsNormBackward(dx, dWeight, y, x, weight, rstd));
        memory("add", bytes(y, x, dx), x, () -> kernels.add(y, x, dx));
        Tensor mask = arena.take("dropout mask", DType.U8, x.shape());
        DropoutMask.draw(mask, DROPOUT, 1);
        memory("dropout", bytes(y, x, mask), x, () -> kernels.dropout(y, x, mask, DROPOUT));
    }

    private void activations() {
        Tensor gate = take(compute, rows, c.intermediate());
        Tensor up = take(compute, rows, c.intermediate());
        Tensor out = take(compute, rows, c.intermediate());
        Tensor dGate = take(compute, rows, c.intermediate());
        Tensor dUp = take(compute, rows, c.intermediate());
        memory("swiglu", bytes(gate, up, out), gate, () -> kernels.swiglu(out, gate, up));
        memory(
                "swiglu backward",
                bytes(dGate, dUp, out, gate, up),
                gate,
                () -> kernels.swigluBackward(dGate, dUp, out, gate, up));
    }

    private void tokens(Tensor head, Tensor dHead) {
        Tensor hidden = take(compute, rows, c.hidden());
        Tensor dHidden = take(compute, rows, c.hidden());
        int[] random = new Random(1).ints(rows, 0, c.vocabulary()).toArray();
        Tensor ids = ints("ids", random);
        double product = 2.0 * rows * c.hidden() * c.vocabulary();
        String size = "%d x %d x %d".formatted(rows, c.hidden(), c.vocabulary());
        product("linear + cross-entropy", size, product, () -> kernels.linearCrossEntropy(hidden, head, ids));
        product(
                "linear + cross-entropy backward",
                size,
                3 * product,
                () -> kernels.linearCrossEntropyBackward(dHidden, dHead, hidden, head, ids, 1.0 / rows));
        memory("embedding", bytes(dHidden, dHidden, ids), dHidden, () -> kernels.embedding(dHidden, head, ids));
        double table = 2.0 * rows * c.hidden() * master.bytes();
        memory(
                "embedding backward",
                bytes(hidden, ids) + table,
                hidden,
                () -> kernels.embeddingBackward(dHead, ids, hidden));
    }

    /** On the largest weight, which fits no cache. */
    private void weights(Tensor copy, Tensor gradient) {
        Tensor weight = take(master, c.vocabulary(), c.hidden());
        Tensor m = take(master, c.vocabulary(), c.hidden());
        // Zero at first, as in a run: a second moment is never negative.
        Tensor v = arena.take("second moment", master, weight.shape());
        Kernels.AdamWStep step = new Kernels.AdamWStep(1e-3, 0.9, 0.999, 1e-8, 0, 1, 1);
        memory(
                "adamW",
                bytes(weight, weight, m, m, v, v, gradient, copy),
                weight,
                () -> kernels.adamW(weight, copy, m, v, gradient, step));
        memory("squaredNorm", bytes(gradient), gradient, () -> kernels.squaredNorm(gradient));
        List<Tensor> halves = halves(gradient);
        double[] norms = new double[halves.size()];
        memory("squaredNorms", bytes(gradient), gradient, () -> kernels.squaredNorms(halves, norms));
        memory("fill", bytes(gradient), gradient, () -> kernels.fill(gradient, 0));
        memory("copy", bytes(copy, weight), weight, () -> kernels.copy(copy, weight));
        memory("scale", bytes(m, m), m, () -> kernels.scale(m, 0.999));
        memory("axpy", bytes(m, m, weight), m, () -> kernels.axpy(m, 1e-6, weight));
        Shape blocks = Shape.of((weight.count() + QUANTIZE_BLOCK - 1) / QUANTIZE_BLOCK);
        Tensor codes = arena.take("codes", DType.U8, weight.shape());
        Tensor scales = arena.take("scales", master, blocks);
        memory(
                "quantize",
                bytes(codes, scales, weight),
                weight,
                () -> kernels.quantize(codes, scales, weight, QUANTIZE_BLOCK));
        memory(
                "dequantize",
                bytes(codes, scales, copy),
                copy,
                () -> kernels.dequantize(copy, codes, scales, QUANTIZE_BLOCK));
    }

    private void product(String kernel, String size, double flops, Runnable call) {
        cases.add(new KernelCase(kernel, size, flops, 0, call));
    }

    private static List<Tensor> halves(Tensor x) {
        long half = x.shape().size(0) / 2;
        return List.of(x.rows(0, half), x.rows(half, x.shape().size(0) - half));
    }

    private void memory(String kernel, double bytes, Tensor of, Runnable call) {
        String size = String.join(
                " x ", of.shape().toList().stream().map(String::valueOf).toList());
        cases.add(new KernelCase(kernel, size, 0, bytes, call));
    }

    private List<Tensor> heads(int heads, int count) {
        return Stream.generate(() -> take(compute, rows, heads, c.headDim()))
                .limit(count)
                .toList();
    }

    private Tensor take(DType dtype, long... sizes) {
        Tensor tensor = arena.take("benchmark", dtype, Shape.of(sizes));
        floating.add(tensor);
        return tensor;
    }

    private Tensor ints(String what, int[] values) {
        Tensor tensor = arena.take(what, DType.I32, Shape.of(values.length));
        ByteBuffer host = ByteBuffer.allocateDirect((int) tensor.byteSize()).order(ByteOrder.LITTLE_ENDIAN);
        host.asIntBuffer().put(values);
        tensor.write(host);
        return tensor;
    }

    private static double bytes(Tensor... tensors) {
        return Stream.of(tensors).mapToDouble(Tensor::byteSize).sum();
    }
}
