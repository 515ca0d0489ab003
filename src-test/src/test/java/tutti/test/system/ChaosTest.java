package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tutti.test.support.Ports;
import tutti.test.support.Shared;
import tutti.test.support.TrainSpec;
import tutti.test.system.ChaosCluster.Disturbance;

/**
 * Three nodes with one, one and two workers, of which one is enough. Workers, agents and the coordinator are killed, stopped and told to
 * leave at random moments, saves included, so that one, two or four workers train: every round ends with the bits of an undisturbed run,
 * and leaves nothing behind. {@code -Dtutti.rounds=50} plays so many rounds, {@code -Dtutti.seed} others.
 */
class ChaosTest {
    private static final int ROUNDS = Integer.getInteger("tutti.rounds", 0);
    /** Each round has a seed of its own: one that failed can be played again alone. */
    private static final int FIRST_ROUND = Integer.getInteger("tutti.first_round", 1);

    private static final long SEED = Long.getLong("tutti.seed", 1);
    private static final int STEPS = 120;

    @TempDir
    Path folder;

    private final Map<String, List<Double>> recoveries = new TreeMap<>();

    @Test
    void shouldEndWithTheSameBitsWhoeverIsKilled() throws Exception {
        List<Disturbance> each =
                new ArrayList<>(List.of(Disturbance.KILL_WORKER, Disturbance.KILL_COORDINATOR, Disturbance.KILL_NODE));
        SplittableRandom random = new SplittableRandom(SEED);
        Collections.shuffle(each, new Random(SEED));
        round("seed " + SEED, flags(folder.resolve("disturbed"), 0, STEPS), random, each, undisturbed(STEPS));
        // For the record, in target/surefire-reports.
        System.out.printf("seconds until training went on: %s%n", recoveries);
    }

    @Test
    @Timeout(value = 8, unit = TimeUnit.HOURS)
    void shouldEndWithTheSameBitsRoundAfterRound() throws Exception {
        Assumptions.assumeTrue(ROUNDS > 0, "skipped: -Dtutti.rounds=50 plays 50 rounds");
        RunOutput undisturbed = undisturbed(STEPS);
        for (int round = FIRST_ROUND; round < FIRST_ROUND + ROUNDS; round++) {
            SplittableRandom random = new SplittableRandom(SEED * 1000 + round);
            Map<String, String> flags = flags(folder.resolve("round-" + round), random.nextInt(3), STEPS);
            flags.put("rdzv_last_call", random.nextBoolean() ? "1" : "10");
            List<Disturbance> some = Stream.generate(() -> Disturbance.any(random))
                    .limit(1 + random.nextInt(4))
                    .toList();
            round(
                    "seed %d, round %d, --zero %s".formatted(SEED, round, flags.get("zero")),
                    flags,
                    random,
                    some,
                    undisturbed);
        }
        recoveries.forEach((kind, seconds) -> {
            seconds.sort(null);
            System.out.printf(
                    "%s %d times; from the signal to training again: median %.1f s, most %.1f s%n",
                    kind, seconds.size(), seconds.get(seconds.size() / 2), seconds.get(seconds.size() - 1));
        });
    }

    private RunOutput undisturbed(int steps) throws Exception {
        RunOutput undisturbed = new RunOutput(folder.resolve("undisturbed"));
        Map<String, String> calm = flags(undisturbed.folder(), 0, steps);
        calm.put("nproc_per_node", "4");
        try (TuttiProcess run = TuttiProcess.run(folder, List.of(), ChaosCluster.ENVIRONMENT, calm)) {
            run.succeed();
        }
        return undisturbed;
    }

    private void round(
            String what,
            Map<String, String> flags,
            SplittableRandom random,
            List<Disturbance> disturbances,
            RunOutput undisturbed)
            throws Exception {
        List<String> done = new ArrayList<>();
        try (ChaosCluster cluster = new ChaosCluster(folder, flags, random)) {
            try {
                for (Disturbance one : disturbances) {
                    if (cluster.trains()) {
                        done.add(cluster.disturb(one));
                    }
                }
                System.out.printf("%s: %s%n", what, done);
                cluster.succeed();
                System.out.printf("  seconds until training went on: %s%n", cluster.recoveries());
            } catch (AssertionError e) {
                throw new AssertionError(what + " after " + done + ": " + e.getMessage() + cluster.said(), e);
            }
            cluster.recoveries()
                    .forEach((kind, seconds) -> recoveries
                            .computeIfAbsent(kind, any -> new ArrayList<>())
                            .addAll(seconds));
        }
        assertSame(new RunOutput(Path.of(flags.get("output_dir"))), undisturbed, what + " after " + done);
    }

    /** Steps between a checkpoint and the death of everything are trained, and told, again. */
    private static void assertSame(RunOutput output, RunOutput undisturbed, String what) throws Exception {
        assertThat(output.folder()).as(what + ": half-written or half-deleted").isDirectoryNotContaining("glob:**/.*");
        assertThat(output.hashes().values()).as(what).containsOnly(undisturbed.hash(4));
        assertThat(losses(output)).as(what).isEqualTo(losses(undisturbed));
        assertThat(Files.mismatch(model(output), model(undisturbed)))
                .as("%s: first byte in which the final models differ", what)
                .isEqualTo(-1);
    }

    private static Map<Double, Double> losses(RunOutput output) {
        Map<Double, Double> losses = new TreeMap<>();
        output.metrics().forEach(line -> {
            Double before =
                    losses.put(line.get("step").asDouble(), line.get("loss").asDouble());
            assertThat(before == null || before == line.get("loss").asDouble())
                    .as("the loss of a step that was trained again: " + line)
                    .isTrue();
        });
        return losses;
    }

    private static Path model(RunOutput output) {
        return output.folder().resolve("model.safetensors");
    }

    private static Map<String, String> flags(Path output, int zero, int steps) throws Exception {
        Map<String, String> flags = new LinkedHashMap<>();
        flags.put("nnodes", "1");
        flags.put("virtual_ranks", "4");
        flags.put("master_port", Integer.toString(Ports.free()));
        flags.put("model_name_or_path", TrainSpec.model().toString());
        flags.put("data_path", Shared.path("data/dummy_conversation.json").toString());
        flags.put("output_dir", output.toString());
        flags.put("model_max_length", "256");
        flags.put("per_device_train_batch_size", "1");
        flags.put("gradient_accumulation_steps", "2");
        flags.put("learning_rate", "1e-3");
        flags.put("max_steps", Integer.toString(steps));
        flags.put("save_steps", "8");
        flags.put("save_total_limit", "3");
        flags.put("max_restarts", "10");
        flags.put("rdzv_timeout", "60");
        flags.put("rdzv_last_call", "1");
        flags.put("zero", Integer.toString(zero));
        flags.put("bucket_cap_mb", "0.2");
        flags.put("allreduce_timeout", "5");
        return flags;
    }
}
