package tutti.coordinator.ledger;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.metrics.StepMetrics;

/** Appends lines; each is handed to the system when it is written, so a killed coordinator leaves whole lines. Used by one thread. */
public final class RunLedger implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final InstantSource clock;
    private final LineFile eventLines;
    private final LineFile metricLines;

    /** @param output an existing folder; lines of earlier runs in it are kept */
    public RunLedger(Path output, InstantSource clock) {
        this.clock = clock;
        this.eventLines = new LineFile(output.resolve("events.jsonl"));
        this.metricLines = new LineFile(output.resolve("metrics.jsonl"));
    }

    /**
     * @param event what happened, in past tense
     * @param details values Jackson can write
     */
    public void happened(String event, Map<String, ?> details) {
        ObjectNode line = JSON.createObjectNode();
        line.put("time", clock.instant().toString());
        line.put("event", event);
        line.setAll((ObjectNode) JSON.valueToTree(new TreeMap<>(details)));
        write(eventLines, line);
    }

    /** Folders of the checkpoints that the last run in this folder has committed, the newest first. */
    public List<Path> commits() {
        List<Path> commits = new ArrayList<>();
        for (String line : eventLines.lines()) {
            JsonNode event = parse(line);
            switch (event.path("event").asText()) {
                case "run_started" -> commits.clear();
                case "checkpoint_committed" ->
                    commits.add(0, Path.of(event.path("folder").asText()));
                default -> {}
            }
        }
        return commits;
    }

    /** What the last run in this folder was resumed from; empty: nothing. */
    public String resumedFrom() {
        return eventLines.lines().stream()
                .map(RunLedger::parse)
                .filter(event -> event.path("event").asText().equals("run_started"))
                .map(event -> event.path("resume_from").asText())
                .reduce("", (first, second) -> second);
    }

    /** The step of the last line of metrics; 0 if there is none. For whoever goes on where another coordinator was killed. */
    public long lastMeasured() {
        return metricLines.last().map(line -> parse(line).path("step").asLong()).orElse(0L);
    }

    private static JsonNode parse(String line) {
        try {
            return JSON.readTree(line);
        } catch (JsonProcessingException e) {
            throw new TuttiException(
                    Category.ENVIRONMENT, "the ledger of the run has a line that is no JSON: " + line, e);
        }
    }

    public void measured(StepMetrics step) {
        write(metricLines, step);
    }

    private static void write(LineFile lines, Object value) {
        try {
            lines.add((JSON.writeValueAsString(value) + '\n').getBytes(StandardCharsets.UTF_8));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        try (eventLines) {
            metricLines.close();
        }
    }
}
