package tutti.worker.optim;

import java.util.ArrayList;
import java.util.List;
import tutti.common.config.OptimConfig;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;
import tutti.worker.tune.FlatLayout;
import tutti.worker.tune.Replica;

/**
 * AdamW with clipping by the global norm. Matrices decay, norms do not. State is two flat buffers in the replica's layout, owned
 * by the arena.
 */
public final class AdamW {
    /** torch.nn.utils.clip_grad_norm_ adds it to the norm. */
    private static final double CLIP_EPSILON = 1e-6;

    private final Kernels kernels;
    private final OptimConfig config;
    private final Replica replica;
    private final Tensor firstMoment;
    private final Tensor secondMoment;
    private final List<Run> runs;

    /** Neighbouring weights with one decay, which one call updates; the gaps between them are zeros and stay it. */
    private record Run(long start, long count, double decay) {
        Tensor of(Tensor flat) {
            return flat.rows(start, count);
        }
    }

    public AdamW(Kernels kernels, OptimConfig config, Replica replica, Arena arena) {
        this.kernels = kernels;
        this.config = config;
        this.replica = replica;
        Shape flat = Shape.of(replica.layout().size());
        this.firstMoment = arena.take("AdamW first moment", kernels.masterDType(), flat);
        this.secondMoment = arena.take("AdamW second moment", kernels.masterDType(), flat);
        this.runs = runs(replica.layout(), config.weightDecay());
    }

    private static List<Run> runs(FlatLayout layout, double weightDecay) {
        List<Run> runs = new ArrayList<>();
        for (FlatLayout.Slot slot : layout.slots()) {
            double decay = slot.spec().decays() ? weightDecay : 0;
            int last = runs.size() - 1;
            long end = slot.start() + slot.spec().shape().count();
            if (last >= 0 && runs.get(last).decay() == decay) {
                long start = runs.get(last).start();
                runs.set(last, new Run(start, end - start, decay));
            } else {
                runs.add(new Run(slot.start(), end - slot.start(), decay));
            }
        }
        return List.copyOf(runs);
    }

    /** (size), in the replica's layout. */
    public Tensor firstMoment() {
        return firstMoment;
    }

    public Tensor secondMoment() {
        return secondMoment;
    }

    /** L2 norm of all gradients; NaN or infinite if any of them is. */
    public double gradNorm() {
        return Math.sqrt(kernels.squaredNorm(replica.gradients()));
    }

    /** Factor that brings a gradient of this norm down to {@code max_grad_norm}; 1 if it is below. */
    public double clip(double gradNorm) {
        double max = config.maxGradNorm();
        return max > 0 && gradNorm > max ? max / (gradNorm + CLIP_EPSILON) : 1;
    }

    /**
     * Updates master weights and their compute copy.
     *
     * @param update number of this update, from 1
     */
    public void step(long update, double learningRate, double gradScale) {
        for (Run run : runs) {
            Tensor weight = run.of(replica.master());
            kernels.adamW(
                    weight,
                    replica.compute() == replica.master() ? weight : run.of(replica.compute()),
                    run.of(firstMoment),
                    run.of(secondMoment),
                    run.of(replica.gradients()),
                    new Kernels.AdamWStep(
                            learningRate,
                            config.beta1(),
                            config.beta2(),
                            config.epsilon(),
                            run.decay(),
                            update,
                            gradScale));
        }
    }
}
