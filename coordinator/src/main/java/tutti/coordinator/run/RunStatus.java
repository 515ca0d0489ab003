package tutti.coordinator.run;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;
import java.util.Objects;
import tutti.common.metrics.EvalMetrics;

/**
 * Where a run stands at one moment; {@code /api/status} of the console, in snake_case.
 *
 * @param model the model's name or folder, as the user gave it
 * @param message one line for people: what is being waited for, or why the run failed; may be empty
 * @param step optimizer steps completed
 * @param totalSteps optimizer steps planned, 0 while the data set has not been counted
 * @param epochs passes over the data set that are planned, as a fraction
 * @param worldSize ranks of the current generation
 * @param startedAt milliseconds since 1970
 * @param etaSeconds estimated seconds until the last step; null while there is nothing to estimate from
 * @param workers in the order of their ranks
 * @param lastCheckpoint folder name of the newest committed checkpoint; null before the first
 * @param lastEvaluation null before the first
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record RunStatus(
        String runId,
        String model,
        RunState state,
        String message,
        long step,
        long totalSteps,
        double epochs,
        int worldSize,
        int generation,
        long startedAt,
        Long etaSeconds,
        String outputDir,
        List<WorkerStatus> workers,
        String lastCheckpoint,
        EvalMetrics lastEvaluation) {

    public RunStatus {
        Objects.requireNonNull(state, "state");
        workers = List.copyOf(workers);
    }

    /** The first status of a run: nobody is here yet, nothing is done. */
    public static RunStatus forming(
            String runId, String model, long totalSteps, double epochs, long startedAt, String outputDir) {
        return new RunStatus(
                runId,
                model,
                RunState.FORMING,
                "waiting for workers",
                0,
                totalSteps,
                epochs,
                0,
                0,
                startedAt,
                null,
                outputDir,
                List.of(),
                null,
                null);
    }

    public RunStatus withState(RunState newState, String newMessage) {
        return new RunStatus(
                runId,
                model,
                newState,
                newMessage,
                step,
                totalSteps,
                epochs,
                worldSize,
                generation,
                startedAt,
                etaSeconds,
                outputDir,
                workers,
                lastCheckpoint,
                lastEvaluation);
    }

    /** When the data set has been counted. */
    public RunStatus withPlan(long newTotalSteps, double newEpochs) {
        return new RunStatus(
                runId,
                model,
                state,
                message,
                step,
                newTotalSteps,
                newEpochs,
                worldSize,
                generation,
                startedAt,
                etaSeconds,
                outputDir,
                workers,
                lastCheckpoint,
                lastEvaluation);
    }

    /** After a step. {@code newEtaSeconds} may be null: not known. */
    public RunStatus withStep(long newStep, Long newEtaSeconds) {
        return new RunStatus(
                runId,
                model,
                state,
                message,
                newStep,
                totalSteps,
                epochs,
                worldSize,
                generation,
                startedAt,
                newEtaSeconds,
                outputDir,
                workers,
                lastCheckpoint,
                lastEvaluation);
    }

    /** The world size becomes the number of workers. */
    public RunStatus withWorkers(int newGeneration, List<WorkerStatus> newWorkers) {
        return new RunStatus(
                runId,
                model,
                state,
                message,
                step,
                totalSteps,
                epochs,
                newWorkers.size(),
                newGeneration,
                startedAt,
                etaSeconds,
                outputDir,
                newWorkers,
                lastCheckpoint,
                lastEvaluation);
    }

    public RunStatus withLastCheckpoint(String newLastCheckpoint) {
        return new RunStatus(
                runId,
                model,
                state,
                message,
                step,
                totalSteps,
                epochs,
                worldSize,
                generation,
                startedAt,
                etaSeconds,
                outputDir,
                workers,
                newLastCheckpoint,
                lastEvaluation);
    }

    public RunStatus withLastEvaluation(EvalMetrics newLastEvaluation) {
        return new RunStatus(
                runId,
                model,
                state,
                message,
                step,
                totalSteps,
                epochs,
                worldSize,
                generation,
                startedAt,
                etaSeconds,
                outputDir,
                workers,
                lastCheckpoint,
                newLastEvaluation);
    }
}
