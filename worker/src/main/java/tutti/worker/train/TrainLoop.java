package tutti.worker.train;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import tutti.common.checkpoint.Checkpoints;
import tutti.common.checkpoint.CommitDir;
import tutti.common.config.OutputConfig;
import tutti.common.error.TuttiException;
import tutti.common.protocol.StepShard;
import tutti.common.protocol.WorkerCommand.Begin;
import tutti.common.protocol.WorkerCommand.Finish;
import tutti.common.protocol.WorkerCommand.Lease;
import tutti.common.protocol.WorkerReport.SampleAnswer;
import tutti.common.protocol.WorkerReport.StepTimes;
import tutti.common.protocol.WorkerReport.StepWire;
import tutti.common.protocol.WorkerReport.WrittenFile;
import tutti.worker.checkpoint.PartWriter;

/**
 * Steps from the first to the last, in the order in which they are leased.
 *
 * @param loadsBest whether the final model is that of the best checkpoint
 */
public record TrainLoop(Trainer trainer, OutputConfig output, boolean loadsBest, Evaluation evaluation) {

    /** Where orders come from; those that wait throw a TuttiException (peer) if none comes in time. */
    public interface Orders {
        Lease nextLease();

        /** The lease that {@link #nextLease} will give, where it is here by now; does not wait. */
        Optional<Lease> known();

        Finish finish();
    }

    /** How good the weights are. */
    @FunctionalInterface
    public interface Evaluation {
        /**
         * All ranks call it between two steps, and get the same.
         *
         * @param steps behind the weights
         */
        Found behind(long steps);
    }

    /**
     * What an evaluation has found.
     *
     * @param lossSum over the labelled tokens of all samples, in nats
     * @param exact right answers; -1 where none was asked for
     * @param questions that were answered
     * @param answers to the prompts of {@code --sample_prompts}
     */
    public record Found(
            double lossSum,
            long labelledTokens,
            int samples,
            int exact,
            int questions,
            double millis,
            List<SampleAnswer> answers) {}

    /** Who hears of progress: of steps from the training thread, of parts from the one that writes them. */
    public interface Reports {
        void stepDone(
                long step,
                double lossSum,
                long labelled,
                long tokens,
                double gradNorm,
                double learningRate,
                StepTimes times,
                StepWire wire,
                String leftOut);

        /** @param step steps completed when the checkpoint was taken */
        void partWritten(long step, List<WrittenFile> files);

        void partFailed(long step, TuttiException cause);

        /** @param step steps behind the weights */
        void evaluated(long step, double epoch, Found found);

        void finished(long step, String weightsHash);
    }

    /** Trains steps {@code firstStep .. totalSteps-1}; then the final model is written, if it is wanted. */
    public void run(Begin begin, Orders orders, Reports reports) {
        long totalSteps = begin.totalSteps();
        trainer.begin(totalSteps);
        double epoch = begin.saveAtEpoch().orElse(0);
        if (begin.saveAtEpoch().isPresent()) {
            save(begin.firstStep(), epoch, reports);
        }
        if (begin.evaluateAtEpoch().isPresent()) {
            evaluate(begin.firstStep(), begin.evaluateAtEpoch().getAsDouble(), reports);
        }
        for (long step = begin.firstStep(); step < totalSteps; ) {
            Lease lease = orders.nextLease();
            List<StepShard> shards = lease.shards();
            for (int i = 0; i < shards.size(); i++) {
                StepShard shard = shards.get(i);
                if (shard.step() != step) {
                    throw new IllegalStateException("shard of step %d came at step %d".formatted(shard.step(), step));
                }
                train(shard, i + 1 < shards.size() ? Optional.of(shards.get(i + 1)) : first(orders.known()), reports);
                epoch = shard.epoch();
                step++;
            }
            if (lease.save()) {
                save(step, epoch, reports);
            }
            if (lease.evaluate()) {
                evaluate(step, epoch, reports);
            }
        }
        if (loadsBest) {
            String best = orders.finish().best();
            if (!best.isEmpty()) {
                trainer.takeWeights(Path.of(best));
            }
        }
        // Before the model is written: no rank then waits for another's disk.
        String hash = trainer.weightsHash();
        if (output.saveFinalModel()) {
            trainer.writeFinal(output.folder());
        }
        trainer.awaitSaved();
        reports.finished(totalSteps, hash);
    }

    private static Optional<StepShard> first(Optional<Lease> lease) {
        return lease.flatMap(known -> known.shards().stream().findFirst());
    }

    private void train(StepShard shard, Optional<StepShard> next, Reports reports) {
        TrainStep.Result result = trainer.step(shard, next);
        reports.stepDone(
                shard.step(),
                result.lossSum(),
                result.labelled(),
                result.tokens(),
                result.gradNorm(),
                result.learningRate(),
                result.times(),
                result.wire(),
                result.leftOut());
        trainer.requireUpdates(result);
    }

    private void evaluate(long step, double epoch, Reports reports) {
        reports.evaluated(step, epoch, evaluation.behind(step));
    }

    private void save(long step, double epoch, Reports reports) {
        Path folder = CommitDir.partial(output.folder(), Checkpoints.name(step));
        trainer.save(folder, step, epoch, new PartWriter.Outcome() {
            @Override
            public void written(List<WrittenFile> files) {
                reports.partWritten(step, files);
            }

            @Override
            public void failed(TuttiException cause) {
                reports.partFailed(step, cause);
            }
        });
    }
}
