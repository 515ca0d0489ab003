package tutti.coordinator.run;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/**
 * What is known of one worker.
 *
 * @param rank its number in the current generation
 * @param device what it computes on, for example {@code cpu} or {@code cuda:0}
 * @param state one lower-case word for the table, for example {@code loading}, {@code training}, {@code lost}
 * @param lastStep the last optimizer step it reported, 0 before the first
 * @param stepMs wall time of that step in milliseconds, waiting for the others included
 * @param computeMs the part of {@code stepMs} without all-reduce wait: the one that tells a straggler, since the barrier
 *     evens out everything else
 * @param memoryBytes resident memory of its process
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record WorkerStatus(
        int rank,
        String host,
        long pid,
        String device,
        String state,
        long lastStep,
        double stepMs,
        double computeMs,
        long memoryBytes) {}
