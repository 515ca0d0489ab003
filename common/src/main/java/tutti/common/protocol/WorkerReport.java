package tutti.common.protocol;

import java.util.List;
import java.util.Map;
import tutti.common.error.Category;

/** One worker -> the coordinator's run. */
public sealed interface WorkerReport extends WireMessage {
    int rank();

    int generation();

    /**
     * Loading goes on; told now and then where it takes long, as where large data are tokenised.
     *
     * @param doing for a person
     */
    record Loading(int rank, int generation, String doing) implements WorkerReport {}

    /**
     * Model and data are loaded.
     *
     * @param samples that an epoch deals out: what the numbers 0..samples-1 stand for, such as packs, the worker knows
     * @param labelledTokens of the data set
     * @param fingerprint hash of the tokenised samples and of what the numbers stand for: all ranks must agree
     * @param notes one line each, for the person at the terminal; only rank 0's are shown
     * @param firstStep 0, or the step after the checkpoint that was loaded; -1 if the state of another rank is to come
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
     * @param lossSum over the labelled tokens of all ranks
     * @param labelledTokens of all ranks
     * @param tokens of this rank that went through the model
     * @param times of this rank
     * @param wire what the step's collectives did on this rank
     * @param memoryBytes resident memory of the worker process
     * @param leftOut why nothing was updated; empty: it was
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
            StepWire wire,
            long memoryBytes,
            String leftOut)
            implements WorkerReport {
        /** The same, told in another generation, in which this worker may have another rank. */
        public StepDone in(int another, int itsRank) {
            return new StepDone(
                    itsRank,
                    another,
                    step,
                    lossSum,
                    labelledTokens,
                    tokens,
                    gradNorm,
                    learningRate,
                    times,
                    wire,
                    memoryBytes,
                    leftOut);
        }
    }

    /**
     * Milliseconds of one step; the parts add up to the total but for a few calls.
     *
     * @param data building the batches
     * @param recompute forward passes of blocks done again on the way back, under gradient checkpointing
     * @param backward without recompute; with the additions of this rank's virtual ranks
     * @param exposed waits for other ranks: for their token counts before forward, for gradients after backward ended
     * @param clip norm of all gradients
     * @param optimizer zeroing the gradients, and the update
     * @param checkpoint wait before the update until an earlier step's checkpoint has taken the weights
     */
    record StepTimes(
            double total,
            double data,
            double forward,
            double recompute,
            double backward,
            double exposed,
            double clip,
            double optimizer,
            double checkpoint) {

        /** Without waits: what a slow rank makes the others wait for. */
        public double compute() {
            return total - exposed - checkpoint;
        }
    }

    /**
     * The collectives of one step as one rank saw them; loading and checkpoints are not in it.
     *
     * @param millis in which one of them ran, hidden behind backward or not, waits for slow ranks included
     * @param bytesSent payload handed to other ranks, over the network or in memory that they share
     * @param busBytes as nccl-tests' bus bandwidth counts them; of long collectives, which are gradients and weights
     * @param busMillis the part of {@code millis} in which those ran
     * @param refusedOffers frames that the wire had no room for and that were offered again: back pressure
     * @param retransmits requests of other ranks to send again what the network had lost
     * @param dropped frames that came and were not used: every kind, in lower case, with its number
     * @param buckets of gradients that travelled, in the order in which they were started; of many the last ones
     */
    record StepWire(
            double millis,
            long bytesSent,
            long busBytes,
            double busMillis,
            long refusedOffers,
            long retransmits,
            Map<String, Long> dropped,
            List<BucketTimes> buckets) {}

    /**
     * Milliseconds of one bucket of gradients.
     *
     * @param bucket number, from 0, in the order in which backward fills them
     * @param total from full to summed, the wait for buckets before it included
     * @param exposed in which training waited for it, with nothing else left to do; up to a wake-up more than {@code total}
     */
    record BucketTimes(int bucket, double total, double exposed) {}

    /**
     * How good the weights are, the same on all ranks, each of which says it.
     *
     * @param step steps behind the weights
     * @param epoch passes over the training data behind them
     * @param lossSum over the labelled tokens of all samples, in nats
     * @param exact answers that were right; -1 where none was asked for
     * @param questions that were answered
     * @param answers to the prompts of {@code --sample_prompts}
     */
    record Evaluated(
            int rank,
            int generation,
            long step,
            double epoch,
            double lossSum,
            long labelledTokens,
            int samples,
            int exact,
            int questions,
            double millis,
            List<SampleAnswer> answers)
            implements WorkerReport {
        /** The same, told in another generation, in which this worker may have another rank. */
        public Evaluated in(int another, int itsRank) {
            return new Evaluated(
                    itsRank, another, step, epoch, lossSum, labelledTokens, samples, exact, questions, millis, answers);
        }
    }

    /** What the model says to a prompt of {@code --sample_prompts}. */
    record SampleAnswer(String prompt, String answer) {}

    /** This rank's node is to make room: the run should end behind a checkpoint. */
    record Preempted(int rank, int generation) implements WorkerReport {}

    /** A collective of this rank stands still, and the rank goes on waiting; {@code message} names for whom. */
    record Stalled(int rank, int generation, String message) implements WorkerReport {}

    /**
     * This rank's files of a checkpoint lie in the partial folder, synced.
     *
     * @param step steps completed when it was taken
     */
    record PartWritten(int rank, int generation, long step, List<WrittenFile> files) implements WorkerReport {}

    /** The disk did not take this rank's files of that checkpoint; the rank trains on. */
    record PartFailed(int rank, int generation, long step, String message) implements WorkerReport {}

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

    /**
     * The first answer to {@link WorkerCommand.Hold}, at once: this worker lives, and finishes what it computes.
     *
     * @param doing what its training thread does, for a person
     * @param stillMillis since when that has not got on
     */
    record Holding(int rank, int generation, String doing, long stillMillis) implements WorkerReport {}

    /**
     * The answer to {@link WorkerCommand.Hold}: this worker takes part in nothing and waits for the next generation.
     *
     * @param completed steps that its weights and optimizer state have behind them; -1 if it has none
     */
    record Held(int rank, int generation, long completed) implements WorkerReport {}

    /**
     * The gradients of a step are not finite, on all ranks; every state is that before it. This worker waits to be held, or to leave.
     *
     * @param step from 0
     */
    record Nonfinite(int rank, int generation, long step, String message) implements WorkerReport {}

    /** This worker cannot go on. */
    record Failed(int rank, int generation, Category category, String message) implements WorkerReport {}
}
