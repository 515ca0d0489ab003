package tutti.worker.checkpoint;

import static tutti.common.error.TuttiException.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
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
        String fingerprint) {
    public static final String FILE = "trainer_state.json";
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(SerializationFeature.INDENT_OUTPUT)
            .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .build();

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
            return JSON.readValue(Files.readAllBytes(file), TrainerState.class);
        } catch (NoSuchFileException | JsonProcessingException e) {
            throw data(
                    "%s: cannot be read: %s; --resume_from_checkpoint needs a checkpoint folder",
                    file, String.valueOf(e.getMessage()).lines().findFirst().orElse(""));
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, file + ": cannot be read: " + e, e);
        }
    }
}
