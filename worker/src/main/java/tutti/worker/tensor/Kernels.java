package tutti.worker.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Set;

/**
 * The seam between the model and a device: every operation of a training step, in forward/backward pairs.
 *
 * <p>Letters: N token rows, M key rows, C channels, V vocabulary, H query heads, G key/value heads (H is a multiple of G),
 * D channels of a head, I hidden channels of the MLP, P positions.
 *
 * <p>Rules that hold for all: tensors are dense and row-major; forward overwrites its outputs; a weight gradient
 * ({@code dWeight}, {@code dTable}, {@code dHead}) is always float32 (float64 in the reference) and is added to; an input
 * gradient overwrites unless its method says that it adds. Outputs never alias inputs unless a method allows it. Activations
 * of one call share one compute dtype (F64, F32 or BF16); with BF16, products accumulate in float32, and norms, softmax and
 * cross-entropy work in float32 inside. The same call on the same values gives the same bits, always.
 *
 * <p>Arguments that do not fit (shape, dtype, an id or a label out of range) are refused as a BUG before anything is written. What
 * a backend does not have it refuses by an {@link UnsupportedOperationException} that names it.
 *
 * <p>Errors are bounded against the float64 reference by the row of {@code contract.Tolerance} that each method names, over the
 * largest expected magnitude of the result: EXACT (the right value rounded to nearest, ties to even), FLOAT64 1e-12, MASTER 6e-7,
 * MASTER_SUM 2e-6 whatever the activations are; and in F32 / BF16 activations ROUNDED 6e-7 / 4e-3, PRODUCT 2e-6 / 4e-3,
 * PRODUCT_ADDED 2e-6 / 8e-3, ROUNDED_TWICE 1.2e-6 / 8e-3, ROUNDED_THRICE 1.8e-6 / 1.2e-2, SOFTMAX 5e-6 / 2e-2,
 * SOFTMAX_OF_LARGE 5e-6 / 8e-2, SOFTMAX_GRADIENT 2e-5 / 8e-2. The table has the reasons.
 *
 * <p>Three implementations are held to one contract suite, {@code tutti.worker.tensor.contract}: {@code reference} (plain Java,
 * float64, the oracle), {@code torch} and {@code nd4j} in sub-packages of their own. Not thread-safe: one training thread per
 * instance.
 */
public interface Kernels extends AutoCloseable {

    /** {@code reference}, {@code torch} or {@code nd4j}: the word of {@code --backend}. */
    String name();

    /** Where tensors of these kernels lie. */
    default Device device() {
        return Device.CPU;
    }

    /** The dtype of master weights, gradients and optimizer state: F32, or F64 in the reference. */
    DType masterDType();

    /** Dtypes that activations may have here; anything else is refused by name. */
    Set<DType> computeDTypes();

    /** A zero-filled arena of exactly {@code bytes} bytes; the caller closes it. */
    Arena arena(String name, long bytes);

    /** Can tensors lie in memory of the host that somebody else made? */
    default boolean takesHostMemory() {
        return false;
    }

    /**
     * An arena where {@link #takesHostMemory}.
     *
     * @param memory direct, zeroed, aligned to {@link Arena#ALIGNMENT}; the caller's, who keeps it until the arena is closed
     */
    default Arena arena(String name, ByteBuffer memory) {
        throw new UnsupportedOperationException(name() + " takes no memory of the host for " + name);
    }

    /**
     * Zeroed direct memory of the host, little-endian, through which tensors are read and written fastest: pinned where the device is
     * CUDA. It lasts until {@link #close}.
     */
    default ByteBuffer hostBuffer(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * Most bytes of scratch that any operation of a training step on a batch of these dimensions holds; the memory plan counts them.
     * Dropout and quantisation have no place in a step yet and are not counted.
     */
    long workspaceBytes(Dimensions dimensions, DType compute);

    /** Bytes that the backend's library comes to hold by itself while it works, as measured: no call tells them beforehand. */
    long libraryBytes();

    /**
     * Takes {@link #workspaceBytes} now, so that no operation of a step inside these dimensions allocates. Without it scratch grows when an
     * operation needs more than any did before. Freed by {@link #close}.
     */
    void reserve(Dimensions dimensions, DType compute);

    // ---- elementwise ----

    /** Every element becomes {@code value}. Any floating dtype. EXACT. */
    void fill(Tensor out, double value);

    /** Copies with conversion between floating dtypes; any shapes of one count. Infinite and NaN stay so. EXACT. */
    void copy(Tensor out, Tensor in);

    /** {@code out = a + b}, all of one shape and floating dtype; {@code out} may be {@code a}, {@code b} or both. EXACT. */
    void add(Tensor out, Tensor a, Tensor b);

    /** {@code x *= alpha}, rounded once: alpha is not narrowed to a BF16 first. Any floating dtype. ROUNDED, of each element. */
    void scale(Tensor x, double alpha);

    /** {@code y += alpha * x}, of one shape and floating dtype; {@code y} may not be {@code x}. ROUNDED_TWICE. */
    void axpy(Tensor y, double alpha, Tensor x);

    /** Sum of squares of any floating dtype, accumulated in float64 in one fixed order. NaN or infinite if any element is. FLOAT64. */
    double squaredNorm(Tensor x);

    /** {@link #squaredNorm} of each of {@code parts}, with its bits: a device is waited for once, and not for each. */
    default void squaredNorms(List<Tensor> parts, double[] norms) {
        for (int i = 0; i < parts.size(); i++) {
            norms[i] = squaredNorm(parts.get(i));
        }
    }

    // ---- products ----

    /**
     * {@code out (=|+=) op(a) op(b)}, two-dimensional; {@code op} transposes if asked. {@code a} and {@code b} are of one compute
     * dtype; {@code out} is of the same, or of the master dtype (a weight gradient). PRODUCT, or
     * PRODUCT_ADDED with {@code accumulate}, over the root of the inner size where the sum cancels to less.
     */
    void matmul(Tensor out, Tensor a, boolean transposeA, Tensor b, boolean transposeB, boolean accumulate);

    // ---- embedding ----

    /** Picks rows: out (N,C), table (V,C) of one floating dtype, ids I32 (N), each from 0 and below V. EXACT. */
    void embedding(Tensor out, Tensor table, Tensor ids);

    /** Adds dOut (N,C) into the picked rows of dTable (V,C) of the master dtype, in the order of the rows. MASTER_SUM. */
    void embeddingBackward(Tensor dTable, Tensor ids, Tensor dOut);

    // ---- RMSNorm: y = x / sqrt(mean(x^2) + eps) * w  (Zhang and Sennrich 2019) ----

    /**
     * out, x (N,C) of the compute dtype; rstd (N) of the master dtype keeps 1/sqrt(...) for backward; weight (C) of the master
     * dtype. out is ROUNDED, rstd MASTER of each element.
     */
    void rmsNorm(Tensor out, Tensor rstd, Tensor x, Tensor weight, double eps);

    /**
     * Adds into dx (N,C) and into dWeight (C). dOut, x (N,C); weight (C); rstd (N) as forward left it. dx is ROUNDED_TWICE over the
     * largest rstd, dWeight MASTER_SUM.
     */
    void rmsNormBackward(Tensor dx, Tensor dWeight, Tensor dOut, Tensor x, Tensor weight, Tensor rstd);

    // ---- rotary embedding, Hugging Face's half-split form (Su et al. 2021) ----

    /**
     * Rotates in place the pairs (x[d], x[d + D/2]) of every head by the angle of its row's position. ROUNDED.
     *
     * @param x (N,H,D) of the compute dtype, D even
     * @param cos (P,D/2) of the master dtype
     * @param sin (P,D/2) of the master dtype
     * @param positions I32 (N), each from 0 and below P, in any order and repeated
     * @param inverse rotates back: this is also the backward of the forward rotation
     */
    void rope(Tensor x, Tensor cos, Tensor sin, Tensor positions, boolean inverse);

    // ---- causal attention with grouped heads: softmax(scale * q k^T) v inside each segment ----

    /**
     * out, q (N,H,D); k, v (M,G,D); query head h reads key head h / (H/G). A query looks at its own and all earlier keys of
     * its segment, where the last query is aligned with the last key. SOFTMAX; SOFTMAX_OF_LARGE for scores far above 8.
     */
    void attention(Tensor out, Tensor q, Tensor k, Tensor v, Segments segments, double scale);

    /**
     * Overwrites dq, dk, dv; computes the softmax anew. Only for segments with as many keys as queries. dq, dOut as q and dk, dv as
     * k above. dv is as attention, dq and dk are SOFTMAX_GRADIENT, where they cancel over half the magnitude of q and k.
     */
    void attentionBackward(
            Tensor dq,
            Tensor dk,
            Tensor dv,
            Tensor dOut,
            Tensor q,
            Tensor k,
            Tensor v,
            Segments segments,
            double scale);

    // ---- SwiGLU: silu(gate) * up  (Shazeer 2020) ----

    /** All (N,I) of the compute dtype. ROUNDED_THRICE. */
    void swiglu(Tensor out, Tensor gate, Tensor up);

    /** All (N,I). Overwrites dGate and dUp, which may be gate and up themselves, with the same bits. ROUNDED_THRICE. */
    void swigluBackward(Tensor dGate, Tensor dUp, Tensor dOut, Tensor gate, Tensor up);

    // ---- linear + cross-entropy, fused over chunks of rows: the full logits (N,V) never exist ----

    /** Rows with this label carry no loss. */
    int IGNORE = -100;

    /**
     * Sum over labelled rows of -log softmax(hidden head^T)[label]; 0 if there is none. SOFTMAX, over one where the sum is less.
     *
     * @param hidden (N,C) of the compute dtype
     * @param head (V,C) of the compute dtype
     * @param labels I32 (N), already shifted: the label of a row is the token it must predict, or {@link #IGNORE}
     */
    double linearCrossEntropy(Tensor hidden, Tensor head, Tensor labels);

    /**
     * As {@link #linearCrossEntropy} to the bit, and the gradient of {@code gradScale *} the sum: overwrites dHidden (N,C) of the
     * compute dtype, with zeros in rows without a label; adds into dHead (V,C) of the master dtype. SOFTMAX_GRADIENT.
     */
    double linearCrossEntropyBackward(
            Tensor dHidden, Tensor dHead, Tensor hidden, Tensor head, Tensor labels, double gradScale);

    // ---- dropout (Srivastava et al. 2014), inverted ----

    /**
     * {@code out = x / (1-p)} where the mask is 1, else 0; {@code out} may be {@code x}, of one shape and floating dtype. Backward is
     * the same call on the gradient. ROUNDED, of each element.
     *
     * @param x finite: an infinite element under a zero of the mask gives NaN
     * @param mask U8, as many elements as x, 0 or 1; {@link DropoutMask} draws it, the same for every backend
     * @param p share of zeros, at least 0 and below 1
     */
    void dropout(Tensor out, Tensor x, Tensor mask, double p);

    // ---- block-wise 8-bit quantisation (Dettmers et al. 2022) ----

    /**
     * Cuts x into blocks of {@code block} neighbours (the last may be shorter), keeps each block's largest magnitude s, and writes
     * code = 128 + round(127 x / s), ties to even; a block of zeros has s = 0 and code 128. No code is 0. s is EXACT; 127 x / s is
     * MASTER before it is rounded, so a value near the middle of two codes may take either.
     *
     * @param codes U8, as many elements as x
     * @param scales (number of blocks) of the master dtype
     * @param x of any floating dtype
     */
    void quantize(Tensor codes, Tensor scales, Tensor x, int block);

    /**
     * {@code out = (code - 128) / 127 * s}: ROUNDED, of each element. Against what was quantized it is off by up to s / 254 more.
     *
     * @param out of any floating dtype; the others as {@link #quantize} left them
     */
    void dequantize(Tensor out, Tensor codes, Tensor scales, int block);

    // ---- optimizer ----

    /**
     * One AdamW update in place (Loshchilov and Hutter 2019, as in torch.optim.AdamW): g = gradScale * grad; w -= lr * decay * w;
     * m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; w -= lr * (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + eps). All of one shape and of
     * the master dtype. MASTER; a part of the rows gives the bits that the whole gives.
     *
     * @param copy the compute copy of the weight, overwritten with the new weight rounded to its dtype; or weight itself
     * @param grad may be used as scratch: its contents are undefined afterwards
     */
    void adamW(Tensor weight, Tensor copy, Tensor m, Tensor v, Tensor grad, AdamWStep step);

    /**
     * The scalars of one update.
     *
     * @param t number of this update, from 1
     */
    record AdamWStep(
            double learningRate,
            double beta1,
            double beta2,
            double eps,
            double weightDecay,
            long t,
            double gradScale) {}

    @Override
    void close();
}
