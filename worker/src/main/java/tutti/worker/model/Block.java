package tutti.worker.model;

import java.util.List;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.Segments;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/**
 * One transformer layer: x + attention(norm(x)), then that + MLP(norm(that)). Backward walks the same lines upwards.
 */
final class Block {
    private final Kernels kernels;
    private final LlamaConfig config;
    private final Rope rope;
    private final double scale;
    private final Weight norm1;
    private final Weight norm2;
    private final Linear query;
    private final Linear key;
    private final Linear value;
    private final Linear output;
    private final Linear gate;
    private final Linear up;
    private final Linear down;

    Block(Kernels kernels, LlamaConfig config, Rope rope, Weights weights, int layer) {
        this.kernels = kernels;
        this.config = config;
        this.rope = rope;
        this.scale = 1 / Math.sqrt(config.headDim());
        this.norm1 = weights.weight(ParameterSpec.inBlock(layer, "input_layernorm"));
        this.norm2 = weights.weight(ParameterSpec.inBlock(layer, "post_attention_layernorm"));
        this.query = weights.linear(ParameterSpec.inBlock(layer, "self_attn.q_proj"));
        this.key = weights.linear(ParameterSpec.inBlock(layer, "self_attn.k_proj"));
        this.value = weights.linear(ParameterSpec.inBlock(layer, "self_attn.v_proj"));
        this.output = weights.linear(ParameterSpec.inBlock(layer, "self_attn.o_proj"));
        this.gate = weights.linear(ParameterSpec.inBlock(layer, "mlp.gate_proj"));
        this.up = weights.linear(ParameterSpec.inBlock(layer, "mlp.up_proj"));
        this.down = weights.linear(ParameterSpec.inBlock(layer, "mlp.down_proj"));
    }

    /** Overwrites {@code a} from the block input x (N,C). What backward needs is then there; {@link #finish} gives the output. */
    void forward(BlockActivations a, Tensor x, Tensor positions, Segments segments) {
        project(a, x, positions);
        kernels.attention(heads(a.attended()), heads(a.q()), heads(a.k()), heads(a.v()), segments, scale);
        feedForward(a, x);
    }

    /**
     * As {@link #forward}, for new rows of sequences whose earlier keys and values lie in a cache. Products take all rows at once;
     * attention goes sequence by sequence, since their caches have gaps between them.
     *
     * @param keys (slots*P,G*D); the new rows are written behind those that are there
     * @param values as keys
     * @param runs cover the rows of x in their order
     */
    void decode(BlockActivations a, Tensor x, Tensor positions, Tensor keys, Tensor values, List<CachedRun> runs) {
        project(a, x, positions);
        for (CachedRun run : runs) {
            kernels.copy(run.added(keys), run.of(a.k()));
            kernels.copy(run.added(values), run.of(a.v()));
            kernels.attention(
                    heads(run.of(a.attended())),
                    heads(run.of(a.q())),
                    heads(run.all(keys)),
                    heads(run.all(values)),
                    Segments.decode(run.rows(), run.past() + run.rows()),
                    scale);
        }
        feedForward(a, x);
    }

    private void project(BlockActivations a, Tensor x, Tensor positions) {
        kernels.rmsNorm(a.normed1(), a.rstd1(), x, norm1.value(), config.normEps());
        query.forward(a.q(), a.normed1());
        key.forward(a.k(), a.normed1());
        value.forward(a.v(), a.normed1());
        kernels.rope(heads(a.q()), rope.cos(), rope.sin(), positions, false);
        kernels.rope(heads(a.k()), rope.cos(), rope.sin(), positions, false);
    }

    private void feedForward(BlockActivations a, Tensor x) {
        output.forward(a.middle(), a.attended());
        kernels.add(a.middle(), a.middle(), x);
        kernels.rmsNorm(a.normed2(), a.rstd2(), a.middle(), norm2.value(), config.normEps());
        gate.forward(a.gate(), a.normed2());
        up.forward(a.up(), a.normed2());
        kernels.swiglu(a.activated(), a.gate(), a.up());
    }

    /** Fills the cheap part of {@code a} again, from x and the products that are still there: the same bits as in forward. */
    void restore(BlockActivations a, Tensor x) {
        kernels.rmsNorm(a.normed1(), a.rstd1(), x, norm1.value(), config.normEps());
        kernels.rmsNorm(a.normed2(), a.rstd2(), a.middle(), norm2.value(), config.normEps());
        kernels.swiglu(a.activated(), a.gate(), a.up());
    }

    /** Overwrites {@code out} (N,C) with the block's output. */
    void finish(Tensor out, BlockActivations a) {
        down.forward(out, a.activated());
        kernels.add(out, out, a.middle());
    }

    /**
     * Turns {@code dx} (N,C) from the gradient of the output into the gradient of the input x, in place, and adds the gradients
     * of what learns.
     */
    void backward(Tensor dx, BlockGradients d, BlockActivations a, Tensor x, Tensor positions, Segments segments) {
        down.backward(d.activated, false, dx, a.activated());
        kernels.swigluBackward(d.gate, d.up, d.activated, a.gate(), a.up());
        up.backward(d.normed, false, d.up, a.normed2());
        gate.backward(d.normed, true, d.gate, a.normed2());
        normBackward(dx, norm2, d.normed, a.middle(), a.rstd2());

        output.backward(d.attended, false, dx, a.attended());
        kernels.attentionBackward(
                heads(d.q),
                heads(d.k),
                heads(d.v),
                heads(d.attended),
                heads(a.q()),
                heads(a.k()),
                heads(a.v()),
                segments,
                scale);
        kernels.rope(heads(d.q), rope.cos(), rope.sin(), positions, true);
        kernels.rope(heads(d.k), rope.cos(), rope.sin(), positions, true);
        value.backward(d.normed, false, d.v, a.normed1());
        key.backward(d.normed, true, d.k, a.normed1());
        query.backward(d.normed, true, d.q, a.normed1());
        normBackward(dx, norm1, d.normed, x, a.rstd1());
    }

    private void normBackward(Tensor dx, Weight norm, Tensor dOut, Tensor x, Tensor rstd) {
        kernels.rmsNormBackward(dx, norm.gradient().orElseThrow(), dOut, x, norm.value(), rstd);
    }

    /** (N, heads*D) as (N, heads, D). */
    private Tensor heads(Tensor t) {
        long rows = t.shape().size(0);
        return t.view(Shape.of(rows, t.shape().size(1) / config.headDim(), config.headDim()));
    }
}
