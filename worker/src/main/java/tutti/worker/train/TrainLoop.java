package tutti.worker.train;

import java.nio.file.Path;
import java.util.List;
import tutti.common.checkpoint.Checkpoints;
import tutti.common.checkpoint.CommitDir;
import tutti.common.config.OutputConfig;
import tutti.common.protocol.StepShard;
import tutti.common.protocol.WorkerReport.StepTimes;
import tutti.common.protocol.WorkerReport.StepWire;
import tutti.common.protocol.WorkerReport.WrittenFile;

/** Steps from the first to the last, in the order in which shards arrive. */
public record TrainLoop(Trainer trainer, OutputConfig output, int rank) {

    /** Where shards come from; waits with a deadline. */
    public interface Shards {
        /** @throws tutti.common.error.TuttiException (peer) if none comes in time */
        StepShard next();
    }

    /** Who hears of progress. */
    public interface Reports {
        void stepDone(
                long step,
                double lossSum,
                long labelled,
                long tokens,
                double gradNorm,
                double learningRate,
                StepTimes times,
                StepWire wire);

        void partWritten(long step, List<WrittenFile> files);

        void finished(long step, String weightsHash);
    }

    /** Trains steps {@code firstStep .. totalSteps-1}; then the final model is written, if it is wanted. */
    public void run(long firstStep, long totalSteps, Shards shards, Reports reports) {
        trainer.begin(totalSteps);
        for (long step = firstStep; step < totalSteps; step++) {
            StepShard shard = shards.next();
            if (shard.step() != step) {
                throw new IllegalStateException("shard of step %d came at step %d".formatted(shard.step(), step));
            }
            TrainStep.Result result = trainer.step(shard);
            reports.stepDone(
                    step,
                    result.lossSum(),
                    result.labelled(),
                    result.tokens(),
                    result.gradNorm(),
                    result.learningRate(),
                    result.times(),
                    result.wire());
            if (shard.save()) {
                Path folder = CommitDir.partial(output.folder(), Checkpoints.name(step + 1));
                reports.partWritten(step, trainer.writePart(folder, shard));
            }
        }
        // Before the model is written: no rank then waits for another's disk.
        String hash = trainer.weightsHash();
        if (output.saveFinalModel()) {
            trainer.writeFinal(output.folder());
        }
        reports.finished(totalSteps, hash);
    }
}
