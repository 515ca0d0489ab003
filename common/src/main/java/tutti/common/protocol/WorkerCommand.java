package tutti.common.protocol;

import akka.actor.typed.ActorRef;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import tutti.common.error.Category;

/** Coordinator -> one worker. {@code generation} tells an old order from a new one. */
public sealed interface WorkerCommand extends WireMessage {

    /**
     * Take a rank and load model and data. Answered by Ready or Failed.
     *
     * @param peers every rank's gradient link, in rank order
     * @param resumeFrom a committed checkpoint folder, or empty
     * @param stateFrom the rank whose weights and optimizer state all take when training begins; -1: they are read
     * @param gradientKey the same for all ranks; empty: frames are not signed
     */
    record Assign(
            String runId,
            int generation,
            int rank,
            int worldSize,
            List<Peer> peers,
            String resumeFrom,
            int stateFrom,
            Optional<GradientKey> gradientKey,
            ActorRef<WorkerReport> replyTo)
            implements WorkerCommand {}

    /**
     * That generation has no rank for this worker, or not yet: the answer to a Join, and the end of an earlier generation for one that it
     * leaves out. It joins again and again, with what it holds: there may be one in the next.
     */
    record StandBy(int generation) implements WorkerCommand {}

    /** From a coordinator that this worker has not joined: the one that it works under is gone. The answer to a {@link Presence}. */
    record NotKnown() implements WorkerCommand {}

    /** This generation is over: stop before the next update, keep all state, and wait for the next generation. Answered by Holding, then Held. */
    record Hold(int generation) implements WorkerCommand {}

    /**
     * A worker of this node hangs, another one or this: kill it, so that its agent starts it again.
     *
     * @param pid of this process, or of one with the same parent; any other is left alone
     */
    record StopHung(int generation, long pid) implements WorkerCommand {}

    /**
     * All workers are ready. Leases follow.
     *
     * @param saveAtEpoch a checkpoint of what all begin with was due before, and was lost: write this rank's part of it before the first
     *     step, as for {@link Lease}; so many epochs are behind it. Empty: none is due
     * @param evaluateAtEpoch what all begin with is to be evaluated before the first step, likewise: nobody knows how good it is
     */
    record Begin(
            int generation, long firstStep, long totalSteps, OptionalDouble saveAtEpoch, OptionalDouble evaluateAtEpoch)
            implements WorkerCommand {}

    /**
     * Shards of the coming steps, ascending, ahead of need. Answered by one StepDone for each.
     *
     * @param number from 0 in each generation: one that comes once more is passed over
     * @param shards none where only a checkpoint is due
     * @param save write this rank's part of a checkpoint after the last step that was leased, these shards included. Answered by
     *     PartWritten or PartFailed, while training goes on
     * @param evaluate how good the weights are after that step: all ranks together, before the next step. Answered by Evaluated
     */
    record Lease(int generation, long number, List<StepShard> shards, boolean save, boolean evaluate)
            implements WorkerCommand {}

    /**
     * All steps are done, and what was evaluated is known: write the final model. Only where the best one is to be that. Answered by
     * Finished.
     *
     * @param best the checkpoint whose weights it has; empty: those that all hold
     */
    record Finish(int generation, String best) implements WorkerCommand {}

    /**
     * The run is over for this worker.
     *
     * @param failure decides the exit code of the worker; empty when the run is done
     */
    record Leave(Optional<Category> failure, String reason) implements WorkerCommand {
        public static Leave done() {
            return new Leave(Optional.empty(), "the run is done");
        }

        public static Leave failed(Category category, String reason) {
            return new Leave(Optional.of(category), reason);
        }
    }
}
