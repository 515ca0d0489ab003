package tutti.coordinator.plan;

import java.util.ArrayList;
import java.util.List;
import tutti.common.config.EvalConfig;
import tutti.common.config.OutputConfig.SaveStrategy;
import tutti.common.config.RunConfig;
import tutti.common.protocol.StepShard;
import tutti.common.shard.BatchPlan;

/** The whole run as arithmetic, once the number of samples is known. Steps count from 0. */
public final class RunPlan {
    private final RunConfig config;
    private final int worldSize;
    private final BatchPlan batches;
    private final long totalSteps;

    /** @throws tutti.common.error.TuttiException (user) if there are fewer samples than virtual ranks */
    public RunPlan(RunConfig config, int worldSize, int samples) {
        this.config = config;
        this.worldSize = worldSize;
        this.batches = BatchPlan.of(config, worldSize, samples);
        this.totalSteps =
                batches.totalSteps(config.train().epochs(), config.train().maxSteps());
    }

    public long totalSteps() {
        return totalSteps;
    }

    public long stepsPerEpoch() {
        return batches.stepsPerEpoch();
    }

    public double epochs() {
        return batches.epochAfter(totalSteps);
    }

    public double epochAfter(long steps) {
        return batches.epochAfter(steps);
    }

    /** Whether a checkpoint is written after this step. */
    public boolean savesAfter(long step) {
        SaveStrategy strategy = config.output().saveStrategy();
        return (strategy == SaveStrategy.STEPS && (step + 1) % config.output().saveSteps() == 0)
                || (strategy == SaveStrategy.EPOCH && (batches.endsEpoch(step) || step + 1 == totalSteps));
    }

    /** Whether the weights that have so many steps behind them are evaluated. */
    public boolean evaluatesBehind(long completed) {
        EvalConfig eval = config.eval();
        if (completed == 0) {
            return eval.onStart();
        }
        return switch (eval.strategy()) {
            case NO -> false;
            case STEPS -> completed % eval.steps() == 0 || completed == totalSteps;
            case EPOCH -> batches.endsEpoch(completed - 1) || completed == totalSteps;
        };
    }

    /** Whether a line of {@code metrics.jsonl} is written for this step. */
    public boolean logs(long step) {
        return (step + 1) % config.output().loggingSteps() == 0 || step + 1 == totalSteps;
    }

    /** One list for each rank: its shards of steps {@code from .. to-1}. */
    public List<List<StepShard>> shards(long from, long to) {
        List<List<StepShard>> ranks = new ArrayList<>();
        for (int rank = 0; rank < worldSize; rank++) {
            ranks.add(new ArrayList<>());
        }
        for (long step = from; step < to; step++) {
            double epoch = batches.epochAfter(step + 1);
            for (int rank = 0; rank < worldSize; rank++) {
                ranks.get(rank).add(new StepShard(step, batches.shards(step, rank, worldSize), epoch));
            }
        }
        return ranks;
    }
}
