package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code tutti bench step} by real processes: that it measures and cleans up, never how fast. */
class BenchStepTest {
    private static final int SIGTERM = 143;

    @TempDir
    Path folder;

    private Path temporary;

    @BeforeEach
    void makeTemporaryFolder() throws IOException {
        temporary = Files.createDirectory(folder.resolve("tmp"));
    }

    @Test
    void shouldPrintOneObjectAndLeaveNothing() throws Exception {
        JsonNode json;
        Path classes = Files.createDirectory(folder.resolve("classes"));
        String log = " -Xlog:class+load:file=" + classes.resolve("%p");
        try (TuttiProcess bench = bench(log, "--bf16", "True", "--steps", "2", "--json")) {
            bench.succeed();
            assertThat(bench.out().strip()).as("standard output").doesNotContain("\n");
            json = new ObjectMapper().readTree(bench.out());
        }
        assertThat(folder(temporary)).as("left in the temporary folder").isEmpty();
        assertThatAllMapTheClassArchive(folder(classes));

        assertThat(json.get("shape").asText()).isEqualTo("tiny");
        assertThat(json.get("parameters").asLong()).isEqualTo(260_032);
        assertThat(json.get("world_size").asInt()).isEqualTo(2);
        assertThat(json.get("batch").asInt()).isEqualTo(2);
        assertThat(json.get("sequence").asInt()).isEqualTo(64);
        assertThat(json.get("dtype").asText()).isEqualTo("bf16");
        assertThat(json.get("checkpointing").asText()).isEqualTo("none");
        assertThat(json.get("backend").asText()).isEqualTo("torch");
        assertThat(json.get("threads").asInt()).isEqualTo(1);
        assertThat(json.get("machine").asText()).isNotBlank();
        assertThat(json.get("planned_peak_bytes").asLong()).isPositive();
        assertThat(json.get("measured_peak_bytes").asLong()).isPositive();

        double median = json.at("/step_ms/median").asDouble();
        assertThat(median)
                .isPositive()
                .isBetween(
                        json.at("/step_ms/min").asDouble(),
                        json.at("/step_ms/max").asDouble());
        // Two steps: their median is their mean.
        assertThat(json.get("tokens_per_second").asDouble() * median / 1e3).isCloseTo(2 * 2 * 64, within(1e-6));
        List<String> phases = new ArrayList<>();
        double sum = 0;
        for (Map.Entry<String, JsonNode> phase : json.get("phases_ms").properties()) {
            phases.add(phase.getKey());
            assertThat(phase.getValue().asDouble()).as(phase.getKey()).isNotNegative();
            sum += phase.getValue().asDouble();
        }
        assertThat(phases)
                .containsExactly("data", "forward", "recompute", "backward", "allreduce_exposed", "clip", "optimizer");
        assertThat(sum).as("the phases are parts of the step").isPositive().isLessThanOrEqualTo(median);
        assertThat(json.get("matmul_ceiling_gflops").asDouble())
                .isGreaterThan(json.get("gflops").asDouble());
        assertThat(json.get("mfu").asDouble()).isBetween(0.0, 1.0).isPositive();
    }

    @Test
    void shouldLeaveNothingWhenItIsEndedBySignal() throws Exception {
        try (WatchService watch = FileSystems.getDefault().newWatchService();
                TuttiProcess bench = bench("", "--steps", "1000000")) {
            Path root = awaitEntry(watch, temporary, "tutti-bench-");
            Path logs = awaitEntry(watch, awaitEntry(watch, root, "run"), "logs");
            awaitEntry(watch, logs, "rank-1.log");
            bench.signal("TERM");
            assertThat(bench.exitCode()).isEqualTo(SIGTERM);
            bench.assertLeftNothing();
            assertThat(bench.out()).isEmpty();
        }
        assertThat(folder(temporary)).as("left in the temporary folder").isEmpty();
    }

    /** That of {@code bin/class-archive}, which the build has made: agent, coordinator and both workers. */
    private static void assertThatAllMapTheClassArchive(List<Path> logs) throws IOException {
        int ours = 0;
        for (Path log : logs) {
            List<String> lines = Files.readAllLines(log);
            // The launcher also asks Java for its version.
            if (lines.stream().anyMatch(line -> line.contains(" tutti.deploy.Tutti "))) {
                ours++;
                assertThat(lines)
                        .as(log.toString())
                        .anyMatch(line -> line.contains(" tutti.deploy.Tutti source: shared objects file"));
            }
        }
        assertThat(ours).as("processes").isEqualTo(4);
    }

    /** @param options more of Java's for every process */
    private TuttiProcess bench(String options, String... more) {
        List<String> words = new ArrayList<>(List.of("bench", "step", "--shape", "tiny", "--nproc_per_node", "2"));
        words.addAll(List.of("--per_device_train_batch_size", "2", "--model_max_length", "64", "--warmup", "1"));
        words.addAll(List.of(more));
        Map<String, String> environment =
                Map.of("OMP_NUM_THREADS", "1", "JAVA_TOOL_OPTIONS", "-Djava.io.tmpdir=" + temporary + options);
        return TuttiProcess.start(folder, environment, words);
    }

    private static List<Path> folder(Path path) throws IOException {
        try (Stream<Path> files = Files.list(path)) {
            return files.toList();
        }
    }

    /** Waits until the folder has something whose name begins so. */
    private static Path awaitEntry(WatchService watch, Path parent, String prefix) throws Exception {
        WatchKey key = parent.register(watch, StandardWatchEventKinds.ENTRY_CREATE);
        for (long deadline = System.nanoTime() + TuttiProcess.LONG.toNanos(); ; ) {
            for (Path entry : folder(parent)) {
                if (entry.getFileName().toString().startsWith(prefix)) {
                    key.cancel();
                    return entry;
                }
            }
            WatchKey changed = watch.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
            assertThat(changed).as("%s* in %s", prefix, parent).isNotNull();
            changed.pollEvents();
            changed.reset();
        }
    }
}
