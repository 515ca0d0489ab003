package tutti.coordinator.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * The real run and membership against a simulated world in one thread: workers, coordinators and messages are lost, late and cut off
 * as a seed says, and after every event all {@link Invariants} hold. A failure names its seed: {@code -Dtutti.seed=N} runs that
 * schedule alone, {@code -Dtutti.schedules=N} another number of them.
 */
class ClusterSimulationTest {
    private static final int SCHEDULES = Integer.getInteger("tutti.schedules", 100);
    private static final long ONE = Long.getLong("tutti.seed", -1);

    private static SteppedActors actors;
    private static Path folder;
    private final Map<String, Integer> seen = new TreeMap<>();
    private int runs;

    @BeforeAll
    static void start() throws Exception {
        actors = new SteppedActors();
        // In memory where there is such a place: every commit waits for its disk.
        Path memory = Path.of("/dev/shm");
        folder = Files.isWritable(memory)
                ? Files.createTempDirectory(memory, "tutti-simulation")
                : Files.createTempDirectory("tutti-simulation");
    }

    @AfterAll
    static void stop() throws IOException {
        actors.close();
        delete(folder);
    }

    @Test
    void shouldKeepItsPromisesWhateverIsLostWhen() throws IOException {
        if (ONE >= 0) {
            System.out.println(String.join("\n", run(ONE)));
            return;
        }
        for (long seed = 0; seed < SCHEDULES; seed++) {
            run(seed);
        }
        assertThat(seen.keySet())
                .as("what %d schedules met", SCHEDULES)
                .contains(
                        "DONE",
                        "PREEMPTED",
                        "best_model_chosen",
                        "checkpoint_abandoned",
                        "checkpoint_committed",
                        "checkpoint_by_the_clock",
                        "coordinator_restarted",
                        "evaluated",
                        "generation_formed",
                        "generation_grew",
                        "node_left",
                        "rolled_back",
                        "worker_lost");
        System.out.println("the schedules met: " + seen);
    }

    @Test
    void shouldDoTheSameAgainWithTheSameSeed() throws IOException {
        for (long seed = 0; seed < 20; seed++) {
            assertThat(run(seed)).as("seed %d", seed).isEqualTo(run(seed));
        }
    }

    /** @return its trace */
    private List<String> run(long seed) throws IOException {
        Path output = Files.createDirectory(folder.resolve("run"));
        Schedule schedule = new Schedule(seed, actors);
        SimulatedCluster cluster = new SimulatedCluster("s" + runs++ + "-", seed, schedule, actors, output);
        try {
            seen.merge(cluster.run(), 1, Integer::sum);
            cluster.invariants().events().forEach(event -> seen.merge(event, 1, Integer::sum));
        } catch (AssertionError | RuntimeException e) {
            throw new AssertionError(
                    "-Dtutti.seed=%d: %s; its last events:%n%s".formatted(seed, e.getMessage(), schedule.last()), e);
        } finally {
            schedule.clear();
            delete(output);
        }
        return schedule.traced();
    }

    private static void delete(Path tree) throws IOException {
        try (Stream<Path> paths = Files.walk(tree)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
