package tutti.worker.checkpoint;

import static tutti.common.error.TuttiException.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/**
 * {@code trainer_state.json}: where a run stands. The next step is the data position and the state of every random stream, since
 * all of them are drawn from (seed, step).
 *
 * @param globalStep optimizer steps done
 * @param updates of the optimizer; fewer than steps where some were left out
 * @param epoch passes over the data
 * @param globalBatch samples of one optimizer step over all virtual ranks
 * @param threads of each worker, on which the last bits depend; 0: not known
 * @param fingerprint hash of the tokenised data set
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record TrainerState(
        long globalStep,
        long updates,
        long maxSteps,
        double epoch,
        long seed,
        int samples,
        int globalBatch,
        int virtualRanks,
        int worldSize,
        int threads,
        String fingerprint) {
    public static final String FILE = "trainer_state.json";
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(SerializationFeature.INDENT_OUTPUT)
            .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .build();

    /**
     * In what a run with these settings that goes on from here departs from the one that it would have been, a line each; empty: it ends
     * with the same bits.
     */
    public List<String> departures(long seed, int globalBatch, int virtualRanks, int threads) {
        List<String> lines = new ArrayList<>();
        if (globalBatch != this.globalBatch || seed != this.seed) {
            lines.add(("the checkpoint was written with a global batch of %d and --seed %d, now they are %d and %d:"
                            + " the rest of the run sees other samples in another order than it would have")
                    .formatted(this.globalBatch, this.seed, globalBatch, seed));
        }
        if (virtualRanks != this.virtualRanks) {
            lines.add(
                    ("the checkpoint was written with %d virtual ranks, now they are %d: the rest of the run adds gradients "
                                    + "in another order than it would have; --virtual_ranks %d keeps it")
                            .formatted(this.virtualRanks, virtualRanks, this.virtualRanks));
        }
        if (threads != this.threads && this.threads > 0) {
            lines.add(
                    ("the checkpoint was written by workers of %d threads, now they have %d: the rest of the run may differ in "
                                    + "its last bits from what it would have been; OMP_NUM_THREADS=%d keeps it")
                            .formatted(this.threads, threads, this.threads));
        }
        return lines;
    }

    byte[] toJson() {
        try {
            return JSON.writeValueAsBytes(this);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /** @throws TuttiException (data) if the folder is no checkpoint; (environment) if the disk does not tell */
    public static TrainerState read(Path checkpoint) {
        Path file = checkpoint.resolve(FILE);
        try {
            JsonNode read = JSON.readTree(Files.readAllBytes(file));
            if (read instanceof ObjectNode state && !state.has("threads")) {
                // Written before they were recorded.
                state.put("threads", 0);
            }
            return JSON.treeToValue(read, TrainerState.class);
        } catch (NoSuchFileException | JsonProcessingException e) {
            throw data(
                    "%s: cannot be read: %s; --resume_from_checkpoint needs a checkpoint folder",
                    file, String.valueOf(e.getMessage()).lines().findFirst().orElse(""));
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, file + ": cannot be read: " + e, e);
        }
    }
}
