package tutti.common.protocol;

import java.util.List;
import tutti.common.error.Category;

/** One worker -> the coordinator's run. */
public sealed interface WorkerReport extends WireMessage {
    int rank();

    int generation();

    /**
     * Model and data are loaded.
     *
     * @param fingerprint hash of the tokenised samples: all ranks must agree
     * @param notes one line each, for the person at the terminal; only rank 0's are shown
     * @param firstStep 0, or the step after the checkpoint that was loaded
     * @param plannedBytes peak of this worker beyond its base, as its memory plan has it
     */
    record Ready(
            int rank,
            int generation,
            int samples,
            long labelledTokens,
            String fingerprint,
            long parameters,
            long firstStep,
            long plannedBytes,
            List<String> notes)
            implements WorkerReport {}

    /**
     * @param step from 0
     * @param lossSum over this rank's labelled tokens
     * @param labelledTokens of this rank
     * @param tokens of this rank that went through the model
     * @param times of this rank
     * @param memoryBytes resident memory of the worker process
     */
    record StepDone(
            int rank,
            int generation,
            long step,
            double lossSum,
            long labelledTokens,
            long tokens,
            double gradNorm,
            double learningRate,
            StepTimes times,
            long memoryBytes)
            implements WorkerReport {}

    /**
     * Milliseconds of one step; the parts add up to the total but for a few calls.
     *
     * @param data building the batches
     * @param recompute forward passes of blocks done again on the way back, under gradient checkpointing
     * @param backward without recompute
     * @param exposed waits for other ranks: for their token counts before forward, for gradients after backward ended
     * @param clip norm of all gradients
     * @param optimizer zeroing the gradients, and the update
     */
    record StepTimes(
            double total,
            double data,
            double forward,
            double recompute,
            double backward,
            double exposed,
            double clip,
            double optimizer) {}

    /** A collective of this rank stands still, and the rank goes on waiting; {@code message} names for whom. */
    record Stalled(int rank, int generation, String message) implements WorkerReport {}

    /** This rank's files of a checkpoint lie in the partial folder, synced. */
    record PartWritten(int rank, int generation, long step, List<WrittenFile> files) implements WorkerReport {}

    /** @param sha256 lower-case hex */
    record WrittenFile(String name, long bytes, String sha256) {}

    /**
     * All steps are done and the final model is written, if it is wanted.
     *
     * @param weightsHash SHA-256 over the bits of the master weights: all ranks must agree
     * @param measuredBytes peak of the process beyond what it held before it took what its plan names; 0 where not known
     */
    record Finished(int rank, int generation, long step, String weightsHash, long measuredBytes)
            implements WorkerReport {}

    /** This worker cannot go on. */
    record Failed(int rank, int generation, Category category, String message) implements WorkerReport {}
}
