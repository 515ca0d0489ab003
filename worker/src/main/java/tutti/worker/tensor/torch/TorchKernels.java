package tutti.worker.tensor.torch;

import static tutti.worker.tensor.torch.TorchTensor.handle;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Set;
import java.util.function.DoubleSupplier;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.openblas.presets.openblas_nolapack;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.Checks;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Device;
import tutti.worker.tensor.Dimensions;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.Segments;
import tutti.worker.tensor.Tensor;

/**
 * Kernels by libtorch on a CPU or a CUDA device: F32 and BF16 activations, float32 master weights. BF16 products run on oneDNN, widened on
 * OpenBLAS (see {@link Bf16Products}) or on cuBLAS; all accumulate in float32 before they are rounded. On CUDA the host goes on while
 * the device computes; reading a number waits for it.
 *
 * <p>The number of threads is one setting of the whole process, so all instances share the last one given. It also decides how
 * long sums are split: bits are equal between ranks that use the same number.
 */
public final class TorchKernels implements Kernels {
    static {
        NativeFiles.prepare();
        TorchOps.load();
        NativeFiles.loadCuda();
    }

    private final int threads;
    private final TorchDevice device;
    private final PinnedMemory pinned = new PinnedMemory();
    private final TorchScratch scratch;
    private final Tuning tuning;
    private final TorchProducts products;
    private final CausalMask mask;
    private final TorchNorm norm;
    private final TorchRope rope;
    private final TorchSwiGlu swiGlu;

    /** On the CPU. */
    public TorchKernels(int threads) {
        this(Device.CPU, threads);
    }

    /**
     * @param threads worker threads inside one kernel on the CPU, at least 1
     * @throws TuttiException (environment) if the device is not here
     */
    public TorchKernels(Device device, int threads) {
        this(device, threads, Tuning.on(device));
    }

    /**
     * On the CPU.
     *
     * @param bf16 how products of BF16 are taken, whatever the processor
     */
    public TorchKernels(int threads, Bf16Products bf16) {
        this(Device.CPU, threads, Tuning.cpu(bf16));
    }

    TorchKernels(Device device, int threads, Tuning tuning) {
        TuttiException.require(threads >= 1, "threads=%d, expected at least 1", threads);
        this.threads = threads;
        this.tuning = tuning;
        this.device = TorchDevice.open(device);
        this.scratch = new TorchScratch(this.device, tuning);
        this.mask = new CausalMask(this.device, tuning.tile());
        this.products = new TorchProducts(scratch);
        this.norm = new TorchNorm(scratch);
        this.rope = new TorchRope(scratch);
        this.swiGlu = new TorchSwiGlu(scratch);
        torch.set_num_threads(threads);
        // Float32 products run in OpenBLAS, which has its own threads and does not listen to libtorch.
        openblas_nolapack.blas_set_num_threads(threads);
    }

    /** Runs with gradient recording off and frees every native object that was made inside. */
    static void scoped(Runnable body) {
        // Not try-with-resources: javac -Xlint warns of a resource that its block never names.
        PointerScope scope = new PointerScope();
        try {
            // Recording is a setting of the thread, and any thread may call.
            GradMode.set_enabled(false);
            body.run();
        } finally {
            scope.close();
        }
    }

    static double scopedDouble(DoubleSupplier body) {
        double[] result = new double[1];
        scoped(() -> result[0] = body.getAsDouble());
        return result[0];
    }

    @Override
    public String name() {
        return "torch";
    }

    @Override
    public Device device() {
        return device.device();
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
        return new TorchArena(device, name, bytes);
    }

    @Override
    public boolean takesHostMemory() {
        return !device.cuda();
    }

    @Override
    public Arena arena(String name, ByteBuffer memory) {
        return new TorchArena(device, name, memory);
    }

    @Override
    public ByteBuffer hostBuffer(int bytes) {
        return device.cuda() ? pinned.take(bytes) : Kernels.super.hostBuffer(bytes);
    }

    @Override
    public long workspaceBytes(Dimensions dimensions, DType compute) {
        return TorchWorkspace.bytes(dimensions, compute, tuning);
    }

    @Override
    public long libraryBytes() {
        return TorchWorkspace.LIBRARY_BYTES;
    }

    @Override
    public void reserve(Dimensions dimensions, DType compute) {
        scratch.begin(workspaceBytes(dimensions, compute));
    }

    /** Bytes of scratch held now: as many as the largest call so far asked for, or as were reserved. */
    long scratchBytes() {
        return scratch.capacity();
    }

    @Override
    public void fill(Tensor out, double value) {
        scoped(() -> handle(out).fill_(new Scalar(value)));
    }

    @Override
    public void copy(Tensor out, Tensor in) {
        Checks.sameCount(in, out.shape());
        scoped(() -> flat(out).copy_(flat(in)));
    }

    @Override
    public void add(Tensor out, Tensor a, Tensor b) {
        Checks.sameShape("add", out, a, b);
        Checks.sameDType("add", out, a, b);
        scoped(() -> torch.add_out(handle(out), handle(a), handle(b)));
    }

    @Override
    public void scale(Tensor x, double alpha) {
        scoped(() -> {
            if (x.dtype() == DType.BF16) {
                // mul_ would round alpha itself to bfloat16 first.
                handle(x).copy_(handle(x).to(ScalarType.Float).mul_(new Scalar(alpha)));
            } else {
                handle(x).mul_(new Scalar(alpha));
            }
        });
    }

    @Override
    public void axpy(Tensor y, double alpha, Tensor x) {
        Checks.sameShape("axpy", y, x);
        Checks.sameDType("axpy", y, x);
        scoped(() -> handle(y).add_(handle(x), new Scalar(alpha)));
    }

    @Override
    public double squaredNorm(Tensor x) {
        return scopedDouble(() -> TorchOptimizer.squaredNorm(scratch, flat(x), threads));
    }

    @Override
    public void squaredNorms(List<Tensor> parts, double[] norms) {
        TorchOptimizer.squaredNorms(scratch, parts, norms, threads);
    }

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
        scoped(() -> {
            var left = transposeA ? handle(a).t() : handle(a);
            var right = transposeB ? handle(b).t() : handle(b);
            products.multiply(handle(out), left, right, accumulate);
        });
    }

    @Override
    public void embedding(Tensor out, Tensor table, Tensor ids) {
        Checks.embedding(out, table, ids);
        Checks.sameDType("embedding", out, table);
        scoped(() -> torch.index_select_out(handle(out), handle(table), 0, handle(ids)));
    }

    @Override
    public void embeddingBackward(Tensor dTable, Tensor ids, Tensor dOut) {
        Checks.embedding(dOut, dTable, ids);
        Checks.dtype("embeddingBackward dTable", dTable, masterDType());
        scoped(() -> norm.embeddingBackward(handle(dTable), handle(ids), handle(dOut)));
    }

    @Override
    public void rmsNorm(Tensor out, Tensor rstd, Tensor x, Tensor weight, double eps) {
        Checks.rmsNorm(x, weight, rstd, masterDType());
        Checks.sameShape("rmsNorm", out, x);
        Checks.sameDType("rmsNorm", out, x);
        scoped(() -> norm.forward(handle(out), handle(rstd), handle(x), handle(weight), eps));
    }

    @Override
    public void rmsNormBackward(Tensor dx, Tensor dWeight, Tensor dOut, Tensor x, Tensor weight, Tensor rstd) {
        Checks.rmsNorm(x, weight, rstd, masterDType());
        Checks.sameShape("rmsNormBackward", dx, dOut, x);
        Checks.sameShape("rmsNormBackward", dWeight, weight);
        Checks.sameDType("rmsNormBackward", x, dx, dOut);
        Checks.dtype("rmsNormBackward dWeight", dWeight, masterDType());
        scoped(() -> norm.backward(handle(dx), handle(dWeight), handle(dOut), handle(x), handle(weight), handle(rstd)));
    }

    @Override
    public void rope(Tensor x, Tensor cos, Tensor sin, Tensor positions, boolean inverse) {
        Checks.rope(x, cos, sin, positions, masterDType());
        scoped(() -> rope.rotate(handle(x), handle(cos), handle(sin), handle(positions), inverse));
    }

    @Override
    public void attention(Tensor out, Tensor q, Tensor k, Tensor v, Segments segments, double scale) {
        Checks.attention(q, k, v, segments);
        Checks.sameShape("attention", out, q);
        Checks.sameDType("attention", q, out);
        scoped(() -> attention(q, k, scale).forward(handle(out), handle(q), handle(k), handle(v), segments));
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
        scoped(() -> attention(q, k, scale)
                .backward(handle(dq), handle(dk), handle(dv), handle(dOut), handle(q), handle(k), handle(v), segments));
    }

    private TorchAttention attention(Tensor q, Tensor k, double scale) {
        return new TorchAttention(scratch, mask, handle(q), handle(k), scale);
    }

    @Override
    public void swiglu(Tensor out, Tensor gate, Tensor up) {
        Checks.sameShape("swiglu", out, gate, up);
        Checks.sameDType("swiglu", out, gate, up);
        scoped(() -> swiGlu.forward(rowsOf(out), rowsOf(gate), rowsOf(up)));
    }

    @Override
    public void swigluBackward(Tensor dGate, Tensor dUp, Tensor dOut, Tensor gate, Tensor up) {
        Checks.sameShape("swigluBackward", dOut, dGate, dUp, gate, up);
        Checks.sameDType("swigluBackward", dOut, dGate, dUp, gate, up);
        scoped(() -> swiGlu.backward(rowsOf(dGate), rowsOf(dUp), rowsOf(dOut), rowsOf(gate), rowsOf(up)));
    }

    /** Any shape as rows of its last dimension. */
    private static org.bytedeco.pytorch.Tensor rowsOf(Tensor tensor) {
        return handle(tensor).view(-1, tensor.shape().size(tensor.shape().rank() - 1));
    }

    @Override
    public double linearCrossEntropy(Tensor hidden, Tensor head, Tensor labels) {
        return scopedDouble(() -> crossEntropy(hidden, head, labels).forward());
    }

    @Override
    public double linearCrossEntropyBackward(
            Tensor dHidden, Tensor dHead, Tensor hidden, Tensor head, Tensor labels, double gradScale) {
        Checks.sameShape("linearCrossEntropyBackward", hidden, dHidden);
        Checks.sameShape("linearCrossEntropyBackward", head, dHead);
        Checks.sameDType("linearCrossEntropyBackward", hidden, dHidden);
        Checks.dtype("linearCrossEntropyBackward dHead", dHead, masterDType());
        return scopedDouble(
                () -> crossEntropy(hidden, head, labels).backward(handle(dHidden), handle(dHead), gradScale));
    }

    private TorchCrossEntropy crossEntropy(Tensor hidden, Tensor head, Tensor labels) {
        Checks.crossEntropy(hidden, head, labels);
        Checks.sameDType("linearCrossEntropy", hidden, head);
        return new TorchCrossEntropy(scratch, products, handle(hidden), handle(head), labels.ints());
    }

    @Override
    public void dropout(Tensor out, Tensor x, Tensor mask, double p) {
        Checks.dropout(out, x, mask, p);
        scoped(() -> {
            if (out != x) {
                flat(out).copy_(flat(x));
            }
            flat(out).mul_(flat(mask)).div_(new Scalar(1 - p));
        });
    }

    @Override
    public void quantize(Tensor codes, Tensor scales, Tensor x, int block) {
        Checks.quantized(codes, scales, x, block, masterDType());
        scoped(() -> TorchQuantization.quantize(flat(codes), flat(scales), flat(x), block));
    }

    @Override
    public void dequantize(Tensor out, Tensor codes, Tensor scales, int block) {
        Checks.quantized(codes, scales, out, block, masterDType());
        scoped(() -> TorchQuantization.dequantize(flat(out), flat(codes), flat(scales), block));
    }

    @Override
    public void adamW(Tensor weight, Tensor copy, Tensor m, Tensor v, Tensor grad, AdamWStep step) {
        Checks.adamW(weight, copy, m, v, grad, masterDType());
        scoped(() -> {
            var flatWeight = flat(weight);
            var flatCopy = copy == weight ? flatWeight : flat(copy);
            TorchOptimizer.adamW(scratch, flatWeight, flatCopy, flat(m), flat(v), flat(grad), step);
        });
    }

    static org.bytedeco.pytorch.Tensor flat(Tensor tensor) {
        return handle(tensor).view(-1);
    }

    @Override
    public void close() {
        pinned.close();
        mask.close();
        scratch.close();
    }
}
