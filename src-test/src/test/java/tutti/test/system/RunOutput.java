package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tutti.test.support.TrainSpec;

/** What a run wrote, read back as a user's script would. */
record RunOutput(Path folder) {
    private static final ObjectMapper JSON = new ObjectMapper();

    List<JsonNode> metrics() {
        return jsonLines("metrics.jsonl");
    }

    List<Double> metric(String name) {
        return metrics().stream().map(line -> line.get(name).asDouble()).toList();
    }

    /** With this name, in the order in which they happened. */
    List<JsonNode> events(String name) {
        return jsonLines("events.jsonl").stream()
                .filter(line -> line.get("event").asText().equals(name))
                .toList();
    }

    /** Of the last event with this name. */
    JsonNode event(String name) {
        return events(name).stream()
                .reduce((first, second) -> second)
                .orElseThrow(() -> new AssertionError("no event " + name + " in " + jsonLines("events.jsonl")));
    }

    /** By rank, as the last finished run told them. */
    Map<Integer, String> hashes() {
        Map<Integer, String> hashes = new TreeMap<>();
        event("run_finished")
                .get("weights_sha256")
                .properties()
                .forEach(rank -> hashes.put(
                        Integer.parseInt(rank.getKey()), rank.getValue().asText()));
        return hashes;
    }

    /** The one hash of all ranks. */
    String hash(int worldSize) {
        Map<Integer, String> hashes = hashes();
        assertThat(hashes).hasSize(worldSize);
        assertThat(List.copyOf(hashes.values()))
                .as("every rank ends with the same bits")
                .containsOnly(hashes.get(0));
        return hashes.get(0);
    }

    /** That a run of {@link TrainSpec} came out as in PyTorch, and with the same bits on all ranks. */
    void assertFixture(int worldSize) {
        assertClose("loss", metric("loss"), TrainSpec.expected("losses"), 1e-4);
        assertClose("grad norm", metric("grad_norm"), TrainSpec.expected("grad_norms"), 1e-3);
        assertClose("learning rate", metric("learning_rate"), TrainSpec.expected("learning_rates"), 1e-12);
        hash(worldSize);
        for (String peak : List.of("planned_peak_bytes", "measured_peak_bytes")) {
            assertThat(event("run_finished").get(peak))
                    .as(peak)
                    .hasSize(worldSize)
                    .allMatch(bytes -> bytes.asLong() > 0);
        }
        // For the record of how close it is, in target/surefire-reports.
        System.out.printf(
                "worst relative error: loss %.1e, grad norm %.1e%n",
                worst(metric("loss"), TrainSpec.expected("losses")),
                worst(metric("grad_norm"), TrainSpec.expected("grad_norms")));
    }

    private static double worst(List<Double> actual, List<Double> expected) {
        double worst = 0;
        for (int i = 0; i < actual.size(); i++) {
            worst = Math.max(worst, Math.abs(actual.get(i) / expected.get(i) - 1));
        }
        return worst;
    }

    static void assertClose(String what, List<Double> actual, List<Double> expected, double relative) {
        assertThat(actual).as(what).hasSameSizeAs(expected);
        for (int i = 0; i < expected.size(); i++) {
            assertThat(actual.get(i))
                    .as("%s of step %d", what, i + 1)
                    .isCloseTo(expected.get(i), within(relative * Math.abs(expected.get(i))));
        }
    }

    List<JsonNode> jsonLines(String name) {
        try {
            return Files.readAllLines(folder.resolve(name)).stream()
                    .map(RunOutput::parse)
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static JsonNode parse(String line) {
        try {
            return JSON.readTree(line);
        } catch (IOException e) {
            throw new UncheckedIOException(line, e);
        }
    }
}
