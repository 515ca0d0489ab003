package tutti.worker.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tutti.worker.model.BlockActivations.Elementwise;
import tutti.worker.model.BlockActivations.Products;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/** All buffers of a pass, taken once, and who fills the shared ones at the moment. */
final class Activations {
    private static final int NOBODY = -1;

    private final List<BlockPolicy> policies;
    /** L+1 tensors (N,C): the input of each block, then the output of the last. Two in turn where nothing is kept. */
    private final List<Tensor> residual = new ArrayList<>();

    private final List<BlockActivations> blocks = new ArrayList<>();
    /** (N,C) and (N): the normed output of the last block, and its rstd. */
    final Tensor normed;

    final Tensor rstd;
    private final Optional<Gradients> gradients;
    private int productsOf = NOBODY;
    private int elementwiseOf = NOBODY;

    /**
     * What backward writes; none where nothing learns.
     *
     * @param residual (N,C)
     * @param normed (N,C): of the final norm's output
     */
    record Gradients(Tensor residual, Tensor normed, BlockGradients block) {}

    Activations(ActivationPlan plan, Arena arena) {
        this.policies = plan.blocks();
        LlamaConfig config = plan.config();
        DType compute = plan.compute();
        int rows = plan.maxRows();
        Shape stream = Shape.of(rows, config.hidden());
        for (int layer = 0; layer <= config.layers(); layer++) {
            residual.add(
                    plan.learns() || layer < 2
                            ? arena.take("residual stream at block " + layer, compute, stream)
                            : residual.get(layer - 2));
        }
        Products products = policies.contains(BlockPolicy.FULL) ? Products.take(arena, config, compute, rows) : null;
        Elementwise elementwise = policies.stream().allMatch(policy -> policy == BlockPolicy.NONE)
                ? null
                : Elementwise.take(arena, config, plan.master(), compute, rows);
        for (BlockPolicy policy : policies) {
            blocks.add(
                    switch (policy) {
                        case FULL -> new BlockActivations(products, elementwise);
                        case SELECTIVE ->
                            new BlockActivations(Products.take(arena, config, compute, rows), elementwise);
                        case NONE -> BlockActivations.take(arena, config, plan.master(), compute, rows);
                    });
        }
        normed = arena.take("final norm", compute, stream);
        rstd = arena.take("rstd of the final norm", plan.master(), Shape.of(rows));
        gradients = plan.learns()
                ? Optional.of(new Gradients(
                        arena.take("gradient of the residual stream", compute, stream),
                        arena.take("gradient of the final norm", compute, stream),
                        new BlockGradients(arena, config, compute, rows)))
                : Optional.empty();
    }

    /** (rows,C): the input of block {@code layer}, or the output of the last. */
    Tensor stream(int layer, int rows) {
        return residual.get(layer).rows(0, rows);
    }

    BlockActivations block(int layer, int rows) {
        return blocks.get(layer).rows(rows);
    }

    /** @throws java.util.NoSuchElementException if the plan is forward only */
    Gradients gradients() {
        return gradients.orElseThrow();
    }

    /** Block {@code layer} has written all its activations. */
    void filled(int layer) {
        if (policies.get(layer) == BlockPolicy.FULL) {
            productsOf = layer;
        }
        restored(layer);
    }

    /** Block {@code layer} has written what is cheap to compute. */
    void restored(int layer) {
        if (policies.get(layer) != BlockPolicy.NONE) {
            elementwiseOf = layer;
        }
    }

    /** Whether the products of this block are its own, or still those in the shared set. */
    boolean hasProducts(int layer) {
        return policies.get(layer) != BlockPolicy.FULL || productsOf == layer;
    }

    boolean hasElementwise(int layer) {
        return policies.get(layer) == BlockPolicy.NONE || elementwiseOf == layer;
    }
}
