package tutti.coordinator.run;

import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;
import tutti.common.protocol.WorkerReport.Ready;
import tutti.coordinator.plan.LeaseWindow;
import tutti.coordinator.plan.RunPlan;
import tutti.coordinator.plan.StepGather;

/** What changes while a run trains. Used by the run actor alone. */
final class Training {
    final RunPlan plan;
    final LeaseWindow window;
    final StepGather gather;
    final Checkpointing checkpoints;
    final Evaluations evaluations;
    final Map<Integer, String> finished = new TreeMap<>();
    final Leases leases;
    final PeakMemory memory = new PeakMemory();
    final long firstStep;
    long completed;
    long leased;
    /** Leases that were given so far. */
    long orders;

    double stepMillis;
    /** Told to make room: nothing more is handed out, and the run ends behind its last checkpoint. */
    boolean leaving;
    /** Others will make up the next generation: nothing more is handed out in this one. */
    boolean pausing;
    /** All were told which model is the final one. */
    boolean concluded;
    /** A checkpoint was asked for with which they can begin. */
    boolean saving;
    /** Since when nothing is handed out because a checkpoint is due while another is written. */
    OptionalLong heldSince = OptionalLong.empty();

    Training(
            RunPlan plan,
            TreeMap<Integer, Ready> readies,
            long firstStep,
            Checkpointing checkpoints,
            Evaluations evaluations,
            Leases leases) {
        readies.values().forEach(memory::add);
        this.plan = plan;
        this.window = new LeaseWindow(plan.totalSteps());
        this.gather = new StepGather(leases.members().size(), plan);
        this.checkpoints = checkpoints;
        this.evaluations = evaluations;
        this.leases = leases;
        this.firstStep = firstStep;
        this.completed = firstStep;
        this.leased = firstStep;
    }
}
