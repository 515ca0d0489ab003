package tutti.worker.agent;

import akka.actor.typed.ActorRef;
import java.util.Deque;
import java.util.List;
import java.util.function.LongSupplier;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.protocol.WorkerReport;
import tutti.common.protocol.WorkerReport.Evaluated;
import tutti.common.protocol.WorkerReport.StepDone;
import tutti.common.protocol.WorkerReport.StepTimes;
import tutti.common.protocol.WorkerReport.StepWire;
import tutti.common.protocol.WorkerReport.WrittenFile;
import tutti.worker.train.TrainLoop;

/**
 * Sends the loop's progress to the coordinator.
 *
 * @param recent takes what was said of the last {@value #RECENT} steps: the next coordinator may not have heard it
 * @param evaluated takes what was said of as many evaluations, likewise
 * @param peakBytes most that the process held so far, beyond its base
 */
record Reporter(
        ActorRef<WorkerReport> coordinator,
        int rank,
        int generation,
        Deque<StepDone> recent,
        Deque<Evaluated> evaluated,
        LongSupplier peakBytes)
        implements TrainLoop.Reports {
    /** More than is ever handed out ahead. */
    private static final int RECENT = 64;

    @Override
    public void stepDone(
            long step,
            double lossSum,
            long labelled,
            long tokens,
            double gradNorm,
            double learningRate,
            StepTimes times,
            StepWire wire,
            String leftOut) {
        StepDone done = new StepDone(
                rank,
                generation,
                step,
                lossSum,
                labelled,
                tokens,
                gradNorm,
                learningRate,
                times,
                wire,
                ProcessMemory.residentBytes(),
                leftOut);
        coordinator.tell(done);
        keep(recent, done);
    }

    private static <T> void keep(Deque<T> told, T last) {
        if (told.size() == RECENT) {
            told.removeFirst();
        }
        told.addLast(last);
    }

    @Override
    public void evaluated(long step, double epoch, TrainLoop.Found found) {
        Evaluated report = new Evaluated(
                rank,
                generation,
                step,
                epoch,
                found.lossSum(),
                found.labelledTokens(),
                found.samples(),
                found.exact(),
                found.questions(),
                found.millis(),
                found.answers());
        coordinator.tell(report);
        keep(evaluated, report);
    }

    @Override
    public void partWritten(long step, List<WrittenFile> files) {
        coordinator.tell(new WorkerReport.PartWritten(rank, generation, step, files));
    }

    /** The disk's failures cost one checkpoint, all others the run. */
    @Override
    public void partFailed(long step, TuttiException cause) {
        coordinator.tell(
                cause.category() == Category.ENVIRONMENT
                        ? new WorkerReport.PartFailed(rank, generation, step, cause.getMessage())
                        : new WorkerReport.Failed(rank, generation, cause.category(), cause.getMessage()));
    }

    @Override
    public void finished(long step, String weightsHash) {
        coordinator.tell(new WorkerReport.Finished(rank, generation, step, weightsHash, peakBytes.getAsLong()));
    }
}
