package tutti.worker.model;

import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import tutti.worker.batch.Batch;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.MemoryUse;
import tutti.worker.tensor.Tensor;

/**
 * A Llama over whole batches: embedding, L blocks, final norm, head fused with the cross-entropy.
 *
 * <p>{@link #forward} then {@link #backward} on the same batch. What a block has not kept (see {@link BlockPolicy}) is computed
 * again on the way back. The bits are the same under every {@link ActivationPlan}, because the same kernels see the same inputs.
 * Not thread-safe.
 */
public final class Llama {
    private final Kernels kernels;
    private final LlamaConfig config;
    private final LongSupplier clock;
    private final List<Block> blocks = new ArrayList<>();
    private final Activations activations;
    private final Weight embedding;
    private final Weight norm;
    private final Weight head;
    private long recomputeNanos;

    /**
     * Takes all buffers of a pass from {@code arena}.
     *
     * @param clock nanoseconds
     */
    public Llama(ActivationPlan plan, Kernels kernels, Weights weights, Arena arena, LongSupplier clock) {
        this.kernels = kernels;
        this.config = plan.config();
        this.clock = clock;
        Rope rope = Rope.of(arena.counting(MemoryUse.ROPE), plan.master(), config, plan.maxLength());
        for (int layer = 0; layer < config.layers(); layer++) {
            blocks.add(new Block(kernels, config, rope, weights, layer));
        }
        activations = new Activations(plan, arena.counting(MemoryUse.ACTIVATIONS));
        embedding = weights.weight(ParameterSpec.EMBEDDING);
        norm = weights.weight(ParameterSpec.FINAL_NORM);
        head = config.tied() ? embedding : weights.weight(ParameterSpec.HEAD);
    }

    /** From token ids to the normed output of the last block. */
    public void forward(Batch batch) {
        forward(batch, () -> {});
    }

    /** @param gotOn called after each block */
    public void forward(Batch batch, Runnable gotOn) {
        int rows = batch.rows();
        kernels.embedding(activations.stream(0, rows), embedding.value(), batch.ids());
        for (int layer = 0; layer < blocks.size(); layer++) {
            fill(layer, batch);
            blocks.get(layer).finish(activations.stream(layer + 1, rows), activations.block(layer, rows));
            gotOn.run();
        }
        kernels.rmsNorm(
                activations.normed.rows(0, rows),
                activations.rstd.rows(0, rows),
                activations.stream(blocks.size(), rows),
                norm.value(),
                config.normEps());
    }

    /** Sum of the cross-entropy over the labelled rows, in nats; after {@link #forward}. */
    public double loss(Batch batch) {
        return kernels.linearCrossEntropy(activations.normed.rows(0, batch.rows()), head.value(), batch.labels());
    }

    /**
     * Adds the gradient of {@code gradScale * loss} to every weight that learns, last part first; after {@link #forward}.
     *
     * @return what {@link #loss} returns
     * @throws java.util.NoSuchElementException if the plan is forward only
     */
    public double backward(Batch batch, double gradScale, GradientListener listener) {
        int rows = batch.rows();
        recomputeNanos = 0;
        Tensor dx = activations.gradients().residual().rows(0, rows);
        Tensor dOut = activations.gradients().normed().rows(0, rows);
        BlockGradients d = activations.gradients().block().rows(rows);
        double loss = kernels.linearCrossEntropyBackward(
                dOut,
                head.gradient().orElseThrow(),
                activations.normed.rows(0, rows),
                head.value(),
                batch.labels(),
                gradScale);
        kernels.fill(dx, 0);
        kernels.rmsNormBackward(
                dx,
                norm.gradient().orElseThrow(),
                dOut,
                activations.stream(blocks.size(), rows),
                norm.value(),
                activations.rstd.rows(0, rows));
        listener.ready(blocks.size() + 1);
        for (int layer = blocks.size() - 1; layer >= 0; layer--) {
            recompute(layer, batch);
            listener.begins(layer + 1);
            blocks.get(layer)
                    .backward(
                            dx,
                            d,
                            activations.block(layer, rows),
                            activations.stream(layer, rows),
                            batch.positions(),
                            batch.segments());
            listener.ready(layer + 1);
        }
        kernels.embeddingBackward(embedding.gradient().orElseThrow(), batch.ids(), dx);
        listener.ready(0);
        return loss;
    }

    /** Nanoseconds that the last {@link #backward} spent on computing activations again. */
    public long recomputeNanos() {
        return recomputeNanos;
    }

    private void fill(int layer, Batch batch) {
        int rows = batch.rows();
        blocks.get(layer)
                .forward(
                        activations.block(layer, rows),
                        activations.stream(layer, rows),
                        batch.positions(),
                        batch.segments());
        activations.filled(layer);
    }

    /** Does nothing for a block whose activations are all there: the last one's are still those of forward. */
    private void recompute(int layer, Batch batch) {
        if (activations.hasProducts(layer) && activations.hasElementwise(layer)) {
            return;
        }
        long start = clock.getAsLong();
        if (activations.hasProducts(layer)) {
            int rows = batch.rows();
            blocks.get(layer).restore(activations.block(layer, rows), activations.stream(layer, rows));
            activations.restored(layer);
        } else {
            fill(layer, batch);
        }
        recomputeNanos += clock.getAsLong() - start;
    }
}
