package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.test.support.Shared;
import tutti.test.support.TrainSpec;

/**
 * The coordinator and a worker are killed at random moments, saves included: the run ends with the weights that it would have had, and
 * leaves nothing behind. {@code -Dtutti.seed} chooses other moments; {@link ClusterChaosTest} is the long form.
 */
class ChaosTest {
    private static final long SEED = Long.getLong("tutti.seed", 1);
    private static final int WORKERS = 2;
    private static final int STEPS = 64;

    @TempDir
    Path folder;

    @Test
    void shouldEndWithTheSameBitsWhoeverIsKilled() throws Exception {
        RunOutput undisturbed = new RunOutput(folder.resolve("undisturbed"));
        try (TuttiProcess run = TuttiProcess.run(folder, flags(undisturbed.folder()))) {
            run.succeed();
        }
        SplittableRandom random = new SplittableRandom(SEED);
        RunOutput output = new RunOutput(folder.resolve("disturbed"));
        try (TuttiProcess run = TuttiProcess.run(folder, flags(output.folder()))) {
            kill(run, random, "^plan: ", "coordinator", -1);
            kill(run, random, "^generation 2: ", "worker", 0);
            run.succeed();
        }
        assertThat(output.hash(WORKERS)).isEqualTo(undisturbed.hash(WORKERS));
        assertThat(output.events("worker_lost")).hasSize(1);
        assertThat(output.events("coordinator_restarted")).hasSize(1);
        assertThat(output.metric("step")).as("a line a step").isEqualTo(undisturbed.metric("step"));
        assertThat(output.metric("loss")).isEqualTo(undisturbed.metric("loss"));
        assertThat(Files.mismatch(model(output), model(undisturbed)))
                .as("first byte in which the final models differ")
                .isEqualTo(-1);
        // For the record, in target/surefire-reports.
        System.out.printf("seconds from the news of a loss to training again: %s%n", secondsToTraining(output));
    }

    /** Some while after a generation has begun to train. */
    private static void kill(TuttiProcess run, SplittableRandom random, String begun, String role, int rank)
            throws Exception {
        run.awaitLine(begun);
        LockSupport.parkNanos(Duration.ofMillis(random.nextInt(2500)).toNanos());
        run.signal(run.pidOf(role, rank), "KILL");
    }

    private static List<Double> secondsToTraining(RunOutput output) {
        List<Double> seconds = new ArrayList<>();
        Instant lost = null;
        for (JsonNode event : output.jsonLines("events.jsonl")) {
            Instant time = Instant.parse(event.get("time").asText());
            switch (event.get("event").asText()) {
                case "worker_lost", "coordinator_restarted" -> lost = time;
                case "training_began" -> {
                    if (lost != null) {
                        seconds.add(Duration.between(lost, time).toMillis() / 1e3);
                    }
                }
                default -> {}
            }
        }
        return seconds;
    }

    private static Path model(RunOutput output) {
        return output.folder().resolve("model.safetensors");
    }

    private static Map<String, String> flags(Path output) {
        Map<String, String> flags = new LinkedHashMap<>();
        flags.put("nproc_per_node", Integer.toString(WORKERS));
        flags.put("model_name_or_path", TrainSpec.model().toString());
        flags.put("data_path", Shared.path("data/dummy_conversation.json").toString());
        flags.put("output_dir", output.toString());
        flags.put("model_max_length", "256");
        flags.put("per_device_train_batch_size", "2");
        flags.put("gradient_accumulation_steps", "2");
        flags.put("learning_rate", "1e-3");
        flags.put("max_steps", Integer.toString(STEPS));
        flags.put("save_steps", "8");
        flags.put("bucket_cap_mb", "0.2");
        flags.put("allreduce_timeout", "5");
        return flags;
    }
}
