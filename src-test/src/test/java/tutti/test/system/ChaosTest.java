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
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tutti.test.support.Shared;
import tutti.test.support.TrainSpec;

/**
 * Workers and the coordinator are killed, workers stopped, at random moments, saves included: the run ends with the weights that it would have had, and
 * leaves nothing behind.
 * {@code -Dtutti.rounds=50} plays more rounds, with four workers; {@code -Dtutti.seed} others.
 */
class ChaosTest {
    private static final int ROUNDS = Integer.getInteger("tutti.rounds", 1);
    private static final long SEED = Long.getLong("tutti.seed", 1);
    private static final int WORKERS = ROUNDS > 1 ? 4 : 2;
    private static final int STEPS = 64;

    @TempDir
    Path folder;

    @Test
    @Timeout(value = 4, unit = TimeUnit.HOURS)
    void shouldEndWithTheSameBitsWhoeverIsKilled() throws Exception {
        RunOutput undisturbed = new RunOutput(folder.resolve("undisturbed"));
        try (TuttiProcess run = TuttiProcess.run(folder, flags(undisturbed.folder(), 0))) {
            run.succeed();
        }
        List<Double> recoveries = new ArrayList<>();
        for (int round = 1; round <= ROUNDS; round++) {
            SplittableRandom random = new SplittableRandom(SEED * 1000 + round);
            RunOutput output = new RunOutput(folder.resolve("round-" + round));
            int zero = ROUNDS == 1 ? 0 : random.nextInt(3);
            int kills = ROUNDS == 1 ? 2 : 1 + random.nextInt(3);
            try (TuttiProcess run = TuttiProcess.run(folder, flags(output.folder(), zero))) {
                for (int kill = 0; kill < kills; kill++) {
                    // The short form kills one of each.
                    int victim = ROUNDS == 1 ? kill - 1 : random.nextInt(WORKERS + 1) - 1;
                    kill(run, random, kill + 1, victim);
                }
                run.succeed();
            }
            String what = "seed %d, round %d, --zero %d, %d kills".formatted(SEED, round, zero, kills);
            assertThat(output.hash(WORKERS)).as(what).isEqualTo(undisturbed.hash(WORKERS));
            assertThat(output.events("worker_lost").size()
                            + output.events("coordinator_restarted").size())
                    .as(what)
                    .isEqualTo(kills);
            assertThat(output.metric("step")).as("%s: a line a step", what).isEqualTo(undisturbed.metric("step"));
            assertThat(output.metric("loss")).as(what).isEqualTo(undisturbed.metric("loss"));
            assertThat(Files.mismatch(model(output), model(undisturbed)))
                    .as("%s: first byte in which the final models differ", what)
                    .isEqualTo(-1);
            recoveries.addAll(secondsToTraining(output));
        }
        recoveries.sort(null);
        // For the record, in target/surefire-reports.
        System.out.printf(
                "%d processes killed; from the news of it to training again: median %.1f s, most %.1f s%n",
                recoveries.size(), recoveries.get(recoveries.size() / 2), recoveries.get(recoveries.size() - 1));
    }

    /**
     * Some while after a generation has begun to train.
     *
     * @param victim a rank, or -1: the coordinator
     */
    private static void kill(TuttiProcess run, SplittableRandom random, int generation, int victim) throws Exception {
        run.awaitLine(generation == 1 ? "^plan: " : "^generation %d: ".formatted(generation));
        LockSupport.parkNanos(Duration.ofMillis(random.nextInt(2500)).toNanos());
        // A stopped coordinator is not noticed by anybody yet.
        String signal = ROUNDS > 1 && victim >= 0 && random.nextInt(3) == 0 ? "STOP" : "KILL";
        run.signal(run.pidOf(victim < 0 ? "coordinator" : "worker", victim), signal);
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

    private static Map<String, String> flags(Path output, int zero) {
        Map<String, String> flags = new LinkedHashMap<>();
        flags.put("nproc_per_node", Integer.toString(WORKERS));
        flags.put("model_name_or_path", TrainSpec.model().toString());
        flags.put("data_path", Shared.path("data/dummy_conversation.json").toString());
        flags.put("output_dir", output.toString());
        flags.put("model_max_length", "256");
        flags.put("per_device_train_batch_size", Integer.toString(4 / WORKERS));
        flags.put("gradient_accumulation_steps", "2");
        flags.put("learning_rate", "1e-3");
        flags.put("max_steps", Integer.toString(STEPS));
        flags.put("save_steps", "8");
        flags.put("zero", Integer.toString(zero));
        flags.put("bucket_cap_mb", "0.2");
        flags.put("allreduce_timeout", "5");
        return flags;
    }
}
