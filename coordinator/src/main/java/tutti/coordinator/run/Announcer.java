package tutti.coordinator.run;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import tutti.common.checkpoint.Checkpoints;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.metrics.EvalMetrics;
import tutti.common.metrics.StepMetrics;
import tutti.common.protocol.WorkerReport.Loading;
import tutti.common.protocol.WorkerReport.Ready;
import tutti.common.protocol.WorkerReport.SampleAnswer;
import tutti.common.protocol.WorkerReport.StepDone;
import tutti.coordinator.plan.Member;
import tutti.coordinator.plan.RunPlan;

/** Tells everybody who watches: the terminal, the console's board, the meters. Used by the run actor alone. */
public final class Announcer {
    private final StatusBoard board;
    private final RunMeters meters;
    private final Terminal terminal;
    private final LongSupplier clock;
    private final List<WorkerStatus> workers = new ArrayList<>();
    private long firstStep;
    private long began;

    /** @param clock nanoseconds */
    public Announcer(StatusBoard board, RunMeters meters, Terminal terminal, LongSupplier clock) {
        this.board = board;
        this.meters = meters;
        this.terminal = terminal;
        this.clock = clock;
    }

    /** The run's actor moves. */
    void beat() {
        board.beat(clock.getAsLong());
    }

    void arrived(int present, int expected) {
        publish(board.status().withState(RunState.FORMING, "%d of %d workers are here".formatted(present, expected)));
    }

    void formed(int generation, List<Member> members) {
        workers.clear();
        members.forEach(member -> workers.add(new WorkerStatus(
                member.rank(),
                member.join().host(),
                member.join().pid(),
                member.join().device(),
                "loading",
                0,
                0,
                0,
                0)));
        publish(board.status().withWorkers(generation, workers).withState(RunState.FORMING, "loading model and data"));
    }

    /** Only what rank 0 says goes to the terminal: others do the same, or wait for it. */
    void loading(Loading loading) {
        if (loading.rank() == 0) {
            terminal.line("loading: " + loading.doing());
            publish(board.status().withState(RunState.FORMING, loading.doing()));
        }
    }

    void ready(Ready ready) {
        WorkerStatus was = workers.get(ready.rank());
        set(was, "ready", ready.firstStep(), 0, 0, 0);
        publish(board.status().withWorkers(ready.generation(), workers));
        if (ready.rank() == 0 && ready.generation() == 1) {
            ready.notes().forEach(terminal::line);
        }
    }

    /** @param first steps that are behind it */
    void begin(RunPlan plan, long first, int generation) {
        firstStep = first;
        began = clock.getAsLong();
        terminal.line(
                generation > 1
                        ? "generation %d: %d workers; training goes on after step %,d"
                                .formatted(generation, workers.size(), first)
                        : "plan: %,d steps, %,d an epoch, %.4g epochs; %d workers%s"
                                .formatted(
                                        plan.totalSteps(),
                                        plan.stepsPerEpoch(),
                                        plan.epochs(),
                                        workers.size(),
                                        first == 0 ? "" : "; resumed after step " + first));
        publish(board.status().withPlan(plan.totalSteps(), plan.epochs()).withState(RunState.TRAINING, ""));
    }

    void worker(StepDone done) {
        meters.collectives(done.wire());
        set(
                workers.get(done.rank()),
                "training",
                done.step() + 1,
                done.times().total(),
                done.times().compute(),
                done.memoryBytes());
    }

    void step(StepMetrics metrics, long totalSteps) {
        // Steps of the generation before may be told now.
        long trained = metrics.step() - firstStep;
        double perStep = trained > 0 ? (clock.getAsLong() - began) / 1e9 / trained : metrics.stepMs() / 1e3;
        long eta = Math.round(perStep * (totalSteps - metrics.step()));
        board.publish(metrics);
        publish(board.status()
                .withWorkers(metrics.generation(), workers)
                .withState(RunState.TRAINING, "")
                .withStep(metrics.step(), eta));
        terminal.step(metrics, totalSteps, eta);
    }

    void evaluated(EvalMetrics found, List<SampleAnswer> answers) {
        meters.evaluated(found);
        publish(board.status().withLastEvaluation(found));
        terminal.evaluated(found, answers);
    }

    void lost(Member member, Losses losses) {
        String line = "%s was lost (%d of %d that --max_restarts allows); the others hold their state and wait for it"
                .formatted(member.describe(), losses.count(), losses.allowed());
        terminal.line(line);
        publish(board.status().withState(RunState.FORMING, line));
    }

    /** Nobody was lost, yet some could not reach each other. */
    void broke(String message, Losses losses) {
        String line =
                ("%s; every worker is there and answers, so all try again (%d of %d losses that --max_restarts allows)")
                        .formatted(message, losses.count(), losses.allowed());
        terminal.line(line);
        publish(board.status().withState(RunState.FORMING, line));
    }

    /** No step can go on before files are written. */
    void writing() {
        publish(board.status().withState(RunState.COMMITTING, "writing a checkpoint or the final model"));
    }

    /** Such a pause is over. */
    void waited(Duration stoodStill) {
        meters.waitedForCheckpoint(stoodStill);
    }

    void committed(Path folder, Duration took) {
        meters.checkpointCommitted(took);
        publish(board.status().withLastCheckpoint(folder.getFileName().toString()));
    }

    void abandoned(long step, String reason) {
        meters.checkpointAbandoned();
        terminal.line("warning: %s was abandoned, older ones stay: %s".formatted(Checkpoints.name(step), reason));
    }

    /** One line for the person at the terminal. */
    void note(String line) {
        terminal.line(line);
    }

    /** @param saved whether the final model was written */
    void done(long steps, String weightsHash, boolean saved) {
        double seconds = (clock.getAsLong() - began) / 1e9;
        String folder = board.status().outputDir();
        publish(board.status()
                .withState(
                        RunState.DONE, saved ? "the final model is in " + folder : "the final model was not written"));
        terminal.done("done: %,d steps in %s; all ranks hold the same bits (%s); %s"
                .formatted(
                        steps - firstStep,
                        Terminal.duration(Math.round(seconds)),
                        weightsHash.substring(0, 12),
                        saved ? "model in " + folder : "no model written (--save_final_model False)"));
    }

    /** The line itself is printed when the process ends with the exception. */
    void failed(TuttiException cause) {
        RunState state = cause.category() == Category.PREEMPTED ? RunState.PREEMPTED : RunState.FAILED;
        publish(board.status().withState(state, cause.getMessage()));
        terminal.breakBar();
    }

    private void set(WorkerStatus was, String state, long step, double stepMs, double computeMs, long memory) {
        workers.set(
                was.rank(),
                new WorkerStatus(
                        was.rank(), was.host(), was.pid(), was.device(), state, step, stepMs, computeMs, memory));
    }

    private void publish(RunStatus status) {
        board.publish(status);
    }
}
