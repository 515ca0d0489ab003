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

/** What a run wrote, read back as a user's script would. */
record RunOutput(Path folder) {
    private static final ObjectMapper JSON = new ObjectMapper();

    List<JsonNode> metrics() {
        return jsonLines("metrics.jsonl");
    }

    List<Double> metric(String name) {
        return metrics().stream().map(line -> line.get(name).asDouble()).toList();
    }

    /** Of the last event with this name. */
    JsonNode event(String name) {
        return jsonLines("events.jsonl").stream()
                .filter(line -> line.get("event").asText().equals(name))
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

    static void assertClose(String what, List<Double> actual, List<Double> expected, double relative) {
        assertThat(actual).as(what).hasSameSizeAs(expected);
        for (int i = 0; i < expected.size(); i++) {
            assertThat(actual.get(i))
                    .as("%s of step %d", what, i + 1)
                    .isCloseTo(expected.get(i), within(relative * Math.abs(expected.get(i))));
        }
    }

    private List<JsonNode> jsonLines(String name) {
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
