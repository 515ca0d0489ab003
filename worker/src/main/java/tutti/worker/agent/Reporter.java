package tutti.worker.agent;

import akka.actor.typed.ActorRef;
import java.util.List;
import java.util.function.LongSupplier;
import tutti.common.protocol.WorkerReport;
import tutti.common.protocol.WorkerReport.StepTimes;
import tutti.common.protocol.WorkerReport.StepWire;
import tutti.common.protocol.WorkerReport.WrittenFile;
import tutti.worker.train.TrainLoop;

/**
 * Sends the loop's progress to the coordinator.
 *
 * @param peakBytes most that the process held so far, beyond its base
 */
record Reporter(ActorRef<WorkerReport> coordinator, int rank, int generation, LongSupplier peakBytes)
        implements TrainLoop.Reports {

    @Override
    public void stepDone(
            long step,
            double lossSum,
            long labelled,
            long tokens,
            double gradNorm,
            double learningRate,
            StepTimes times,
            StepWire wire) {
        coordinator.tell(new WorkerReport.StepDone(
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
                ProcessMemory.residentBytes()));
    }

    @Override
    public void partWritten(long step, List<WrittenFile> files) {
        coordinator.tell(new WorkerReport.PartWritten(rank, generation, step, files));
    }

    @Override
    public void finished(long step, String weightsHash) {
        coordinator.tell(new WorkerReport.Finished(rank, generation, step, weightsHash, peakBytes.getAsLong()));
    }
}
