package tutti.common.metrics;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/**
 * One optimizer step of the whole group; one line of {@code metrics.jsonl}, in snake_case.
 *
 * @param step number of this step, from 1
 * @param epoch passes over the data set, as a fraction
 * @param loss cross-entropy per labelled token of the global batch
 * @param gradNorm global L2 norm before clipping
 * @param tokens labelled tokens of the global batch
 * @param tokensPerSecond all tokens that went through the model, labelled or not, per second, all ranks together
 * @param stepMs wall time of the slowest rank; the other times are of that rank too
 * @param dataMs building the batches
 * @param recomputeMs forward passes done again under gradient checkpointing; backwardMs is without them
 * @param allreduceMs in which collectives ran, hidden behind backward or not
 * @param allreduceExposedMs waits for other ranks that backward did not hide
 * @param allreduceBusbwGbps bus bandwidth of long collectives as nccl-tests define it, in 10^9 bytes per second, mean over the
 *     ranks; 0 where nothing travels
 * @param clipMs norm of all gradients
 * @param optimizerMs zeroing the gradients, and the update
 * @param checkpointMs wait before the update until an earlier step's checkpoint has taken the weights
 * @param memoryBytes resident memory of the largest worker process
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record StepMetrics(
        long step,
        double epoch,
        double loss,
        double learningRate,
        double gradNorm,
        long tokens,
        double tokensPerSecond,
        double stepMs,
        double dataMs,
        double forwardMs,
        double recomputeMs,
        double backwardMs,
        double allreduceMs,
        double allreduceExposedMs,
        double allreduceBusbwGbps,
        double clipMs,
        double optimizerMs,
        double checkpointMs,
        long memoryBytes,
        int worldSize,
        int generation) {}
