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
import tutti.worker.tune.ShardLayout;

/**
 * AdamW with clipping by the global norm. Matrices decay, norms do not. State is two flat buffers as long as the rank's shard, owned
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
    private long updates;

    /** Neighbouring weights of the shard with one decay, which one call updates; the gaps between them are zeros and stay it. */
    private record Run(ShardLayout.Segment segment, double decay) {}

    public AdamW(Kernels kernels, OptimConfig config, Replica replica, Arena arena) {
        this.kernels = kernels;
        this.config = config;
        this.replica = replica;
        Shape flat = Shape.of(replica.shard().size());
        this.firstMoment = arena.take("AdamW first moment", kernels.masterDType(), flat);
        this.secondMoment = arena.take("AdamW second moment", kernels.masterDType(), flat);
        this.runs = runs(replica.layout(), replica.shard(), config.weightDecay());
    }

    private static List<Run> runs(FlatLayout layout, ShardLayout shard, double weightDecay) {
        List<Run> runs = new ArrayList<>();
        long norms = layout.replicated();
        shard.within(0, norms).forEach(segment -> runs.add(new Run(segment, 0)));
        shard.within(norms, layout.size() - norms).forEach(segment -> runs.add(new Run(segment, weightDecay)));
        return List.copyOf(runs);
    }

    /** As before the first update. */
    public void reset() {
        updates = 0;
        kernels.fill(firstMoment, 0);
        kernels.fill(secondMoment, 0);
    }

    /** That the moments have seen. */
    public long updates() {
        return updates;
    }

    /** Takes moments of another state, which are written into {@link #firstMoment} and {@link #secondMoment}. */
    public void resume(long behind) {
        updates = behind;
    }

    /** Of a part of the shard. */
    public Tensor firstMoment(ShardLayout.Segment segment) {
        return firstMoment.rows(segment.at(), segment.count());
    }

    /** Of a part of the shard. */
    public Tensor secondMoment(ShardLayout.Segment segment) {
        return secondMoment.rows(segment.at(), segment.count());
    }

    /** Factor that brings a gradient of this norm down to {@code max_grad_norm}; 1 if it is below. */
    public double clip(double gradNorm) {
        double max = config.maxGradNorm();
        return max > 0 && gradNorm > max ? max / (gradNorm + CLIP_EPSILON) : 1;
    }

    /** Updates the shard's master weights and their compute copy. */
    public void step(double learningRate, double gradScale) {
        updates++;
        for (Run run : runs) {
            ShardLayout.Segment segment = run.segment();
            Tensor weight = replica.master(segment);
            Kernels.AdamWStep step = new Kernels.AdamWStep(
                    learningRate, config.beta1(), config.beta2(), config.epsilon(), run.decay(), updates, gradScale);
            kernels.adamW(
                    weight,
                    replica.hasCopy() ? replica.compute().rows(segment.start(), segment.count()) : weight,
                    firstMoment(segment),
                    secondMoment(segment),
                    replica.gradients().summed(segment),
                    step);
        }
    }
}
