package tutti.worker.model;

import java.util.ArrayList;
import java.util.List;
import tutti.worker.batch.Batch;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/**
 * A Llama for training: embedding, L blocks, final norm, head fused with the cross-entropy.
 *
 * <p>{@link #forward} then {@link #backward} on the same batch. With checkpointing only the input of each block is kept, and one
 * shared set of activations is filled again block by block on the way back; without it every block keeps its own. The bits are
 * the same either way, because the same kernels see the same inputs. Not thread-safe.
 */
public final class Llama {
    private final Kernels kernels;
    private final LlamaConfig config;
    private final boolean checkpointing;
    private final List<Block> blocks = new ArrayList<>();
    /** One for each block, or one for all with checkpointing. */
    private final List<BlockActivations> activations = new ArrayList<>();
    /** L+1 tensors (N,C): the input of each block, then the output of the last. */
    private final List<Tensor> residual = new ArrayList<>();

    private final BlockGradients gradients;
    private final Weight embedding;
    private final Weight norm;
    private final Weight head;
    private final Tensor normed;
    private final Tensor rstd;
    private final Tensor dResidual;
    private final Tensor dNormed;

    /**
     * Takes all buffers of a pass from {@code arena}.
     *
     * @param maxRows most token rows of one batch
     * @param maxLength longest sequence
     */
    public Llama(
            LlamaConfig config,
            Kernels kernels,
            DType compute,
            Weights weights,
            Arena arena,
            int maxRows,
            int maxLength,
            boolean checkpointing) {
        this.kernels = kernels;
        this.config = config;
        this.checkpointing = checkpointing;
        Rope rope = Rope.of(arena, kernels.masterDType(), config, maxLength);
        Shape stream = Shape.of(maxRows, config.hidden());
        for (int layer = 0; layer < config.layers(); layer++) {
            blocks.add(new Block(kernels, config, rope, weights, layer));
            residual.add(arena.take("input of block " + layer, compute, stream));
            if (layer == 0 || !checkpointing) {
                activations.add(new BlockActivations(arena, kernels, config, compute, maxRows));
            }
        }
        residual.add(arena.take("output of the last block", compute, stream));
        gradients = new BlockGradients(arena, config, compute, maxRows);
        embedding = weights.weight(ParameterSpec.EMBEDDING);
        norm = weights.weight(ParameterSpec.FINAL_NORM);
        head = config.tied() ? embedding : weights.weight(ParameterSpec.HEAD);
        normed = arena.take("final norm", compute, stream);
        rstd = arena.take("rstd of the final norm", kernels.masterDType(), Shape.of(maxRows));
        dResidual = arena.take("gradient of the residual stream", compute, stream);
        dNormed = arena.take("gradient of the final norm", compute, stream);
    }

    /** From token ids to the normed output of the last block. */
    public void forward(Batch batch) {
        kernels.embedding(stream(0, batch), embedding.value(), batch.ids());
        for (int layer = 0; layer < blocks.size(); layer++) {
            BlockActivations a = kept(layer, batch);
            blocks.get(layer).forward(a, stream(layer, batch), batch.positions(), batch.segments());
            blocks.get(layer).finish(stream(layer + 1, batch), a);
        }
        kernels.rmsNorm(
                normed.rows(0, batch.rows()),
                rstd.rows(0, batch.rows()),
                stream(blocks.size(), batch),
                norm.value(),
                config.normEps());
    }

    /** Sum of the cross-entropy over the labelled rows, in nats; after {@link #forward}. */
    public double loss(Batch batch) {
        return kernels.linearCrossEntropy(normed.rows(0, batch.rows()), head.value(), batch.labels());
    }

    /**
     * Adds the gradient of {@code gradScale * loss} to every weight that learns, last part first; after {@link #forward}.
     *
     * @return what {@link #loss} returns
     */
    public double backward(Batch batch, double gradScale, GradientListener listener) {
        int rows = batch.rows();
        Tensor dx = dResidual.rows(0, rows);
        Tensor dOut = dNormed.rows(0, rows);
        double loss = kernels.linearCrossEntropyBackward(
                dOut, head.gradient().orElseThrow(), normed.rows(0, rows), head.value(), batch.labels(), gradScale);
        kernels.fill(dx, 0);
        kernels.rmsNormBackward(
                dx,
                norm.gradient().orElseThrow(),
                dOut,
                stream(blocks.size(), batch),
                norm.value(),
                rstd.rows(0, rows));
        listener.ready(blocks.size() + 1);
        BlockGradients d = gradients.rows(rows);
        for (int layer = blocks.size() - 1; layer >= 0; layer--) {
            Block block = blocks.get(layer);
            BlockActivations a = kept(layer, batch);
            // The last block's activations are still those of forward.
            if (checkpointing && layer < blocks.size() - 1) {
                block.forward(a, stream(layer, batch), batch.positions(), batch.segments());
            }
            block.backward(dx, d, a, stream(layer, batch), batch.positions(), batch.segments());
            listener.ready(layer + 1);
        }
        kernels.embeddingBackward(embedding.gradient().orElseThrow(), batch.ids(), dx);
        listener.ready(0);
        return loss;
    }

    private Tensor stream(int layer, Batch batch) {
        return residual.get(layer).rows(0, batch.rows());
    }

    private BlockActivations kept(int layer, Batch batch) {
        return activations.get(checkpointing ? 0 : layer).rows(batch.rows());
    }
}
