package tutti.worker.model;

import static tutti.common.error.TuttiException.require;

import java.util.Collections;
import java.util.List;
import tutti.common.config.GradientCheckpointing;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Dimensions;
import tutti.worker.tensor.PlanningArena;

/**
 * Which buffers a pass needs.
 *
 * @param master dtype of what norms keep
 * @param compute dtype of everything else
 * @param maxRows most token rows of one batch (N)
 * @param maxLength longest sequence
 * @param blocks what each block keeps
 * @param learns false: forward only, so nothing is kept for a backward
 */
public record ActivationPlan(
        LlamaConfig config,
        DType master,
        DType compute,
        int maxRows,
        int maxLength,
        List<BlockPolicy> blocks,
        boolean learns) {
    private static final double GIB = 1L << 30;

    public ActivationPlan {
        blocks = List.copyOf(blocks);
    }

    /**
     * For training.
     *
     * @throws tutti.common.error.TuttiException (user) if a budget is below the least that training needs
     */
    public static ActivationPlan training(
            LlamaConfig config,
            DType master,
            DType compute,
            int maxRows,
            int maxLength,
            GradientCheckpointing checkpointing) {
        ActivationPlan least =
                new ActivationPlan(config, master, compute, maxRows, maxLength, all(config, BlockPolicy.FULL), true);
        return switch (checkpointing.policy()) {
            case FULL -> least;
            case SELECTIVE -> least.with(all(config, BlockPolicy.SELECTIVE));
            case NONE -> least.with(all(config, BlockPolicy.NONE));
            case BUDGET -> least.within(checkpointing.budgetBytes());
        };
    }

    /** For evaluation: one set of buffers serves all blocks, and there is no backward. */
    public static ActivationPlan forwardOnly(
            LlamaConfig config, DType master, DType compute, int maxRows, int maxLength) {
        return new ActivationPlan(config, master, compute, maxRows, maxLength, all(config, BlockPolicy.FULL), false);
    }

    /** Bytes of all buffers, alignment included. */
    public long bytes() {
        PlanningArena arena = new PlanningArena();
        new Activations(this, arena);
        return arena.used();
    }

    /** What kernels are asked for at most. */
    public Dimensions dimensions() {
        return new Dimensions(
                maxRows,
                maxLength,
                config.hidden(),
                config.intermediate(),
                config.heads(),
                config.kvHeads(),
                config.headDim(),
                config.vocabulary());
    }

    private ActivationPlan within(long budget) {
        require(
                bytes() <= budget,
                "--activation_memory_gb=%.4f: %,d rows (batch times length) need %.4f at the least, block inputs and one"
                        + " block's working set; give that, or a smaller --per_device_train_batch_size",
                budget / GIB,
                maxRows,
                Math.ceil(bytes() / GIB * 1e4) / 1e4);
        return with(ActivationBudget.spend(
                config.layers(), budget, choice -> with(choice).bytes()));
    }

    private ActivationPlan with(List<BlockPolicy> choice) {
        return new ActivationPlan(config, master, compute, maxRows, maxLength, choice, learns);
    }

    private static List<BlockPolicy> all(LlamaConfig config, BlockPolicy policy) {
        return Collections.nCopies(config.layers(), policy);
    }
}
