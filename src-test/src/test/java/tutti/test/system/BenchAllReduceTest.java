package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.error.Category;

/** {@code tutti bench allreduce} by real processes: that it measures and cleans up, never how fast. */
class BenchAllReduceTest {
    private static final int SIGKILL = 137;
    /** After the first size, more than a test waits for. */
    private static final String ENDLESS = "4" + ",64m".repeat(200);

    @TempDir
    Path folder;

    @Test
    void shouldPrintOneObjectForEachSizeAndLeaveNothing() throws Exception {
        try (TuttiProcess bench = bench("--bytes", "1k,65540", "--json")) {
            bench.succeed();
            List<String> lines = bench.out().lines().toList();
            assertThat(lines).hasSize(2);
            assertMeasured(lines.get(0), "shm", 1 << 10, 1);
            assertMeasured(lines.get(1), "shm", 65540, 1);
        }
    }

    /** Sums over UDP in bfloat16, which are checked as all are: half of what is added travels. */
    @Test
    void shouldMeasureUdpTellWhatTravelsAndEndWithItsParent() throws Exception {
        try (TuttiProcess bench = bench(
                "--transport",
                "udp",
                "--backend",
                "reference",
                "--reduce_dtype",
                "bfloat16",
                "--bytes",
                ENDLESS,
                "--json")) {
            JsonNode json = assertMeasured(bench.awaitLine("^\\{.*").group(), "udp", 4, 0.5);
            assertThat(json.get("reduce_dtype").asText()).isEqualTo("bfloat16");
            bench.signal("KILL");
            assertThat(bench.exitCode()).isEqualTo(SIGKILL);
            bench.assertLeftNothing();
        }
    }

    @Test
    void shouldEndWhenARankIsLost() throws Exception {
        try (TuttiProcess bench = bench("--transport", "ipc", "--backend", "reference", "--bytes", ENDLESS)) {
            bench.awaitLine("^float32 all-reduce, 2 ranks, ipc$");
            List<Long> ranks = new ArrayList<>(bench.pids());
            ranks.remove(bench.pid());
            assertThat(ranks).hasSize(2);
            bench.signal(ranks.get(0), "KILL");
            assertThat(bench.exitCode()).isEqualTo(Category.PEER.exitCode());
            assertThat(bench.errors())
                    .singleElement()
                    .asString()
                    .contains("(pid %d)".formatted(ranks.get(0)), "was killed by signal 9");
            bench.assertLeftNothing();
        }
    }

    private TuttiProcess bench(String... more) {
        List<String> words = new ArrayList<>(List.of("bench", "allreduce", "--world_size", "2"));
        words.addAll(List.of(more));
        return TuttiProcess.start(folder, words.toArray(String[]::new));
    }

    /** @param travels of the bytes that are added, with two ranks */
    private static JsonNode assertMeasured(String line, String transport, int bytes, double travels) throws Exception {
        JsonNode json = new ObjectMapper().readTree(line);
        assertThat(json.get("world_size").asInt()).isEqualTo(2);
        assertThat(json.get("transport").asText()).isEqualTo(transport);
        assertThat(json.get("bytes").asInt()).isEqualTo(bytes);
        double median = json.at("/time_us/median").asDouble();
        assertThat(median)
                .isPositive()
                .isBetween(
                        json.at("/time_us/min").asDouble(),
                        json.at("/time_us/max").asDouble());
        assertThat(json.get("algbw_gbps").asDouble()).isCloseTo(bytes / (median / 1e6) / 1e9, withinPercentage(1e-9));
        assertThat(json.get("busbw_gbps").asDouble())
                .isCloseTo(travels * json.get("algbw_gbps").asDouble(), withinPercentage(1e-9));
        return json;
    }
}
