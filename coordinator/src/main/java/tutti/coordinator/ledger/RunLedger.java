package tutti.coordinator.ledger;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.InstantSource;
import java.util.Map;
import java.util.TreeMap;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.metrics.StepMetrics;

/** Appends lines; each is flushed when it is written, so a killed coordinator leaves whole lines. Used by one thread. */
public final class RunLedger implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path events;
    private final InstantSource clock;
    private final BufferedWriter eventLines;
    private final BufferedWriter metricLines;

    /** @param output an existing folder; lines of earlier runs in it are kept */
    public RunLedger(Path output, InstantSource clock) {
        this.events = output.resolve("events.jsonl");
        this.clock = clock;
        try {
            this.eventLines = append(events);
            this.metricLines = append(output.resolve("metrics.jsonl"));
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, output + ": cannot be written: " + e, e);
        }
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

    public void measured(StepMetrics step) {
        write(metricLines, step);
    }

    private void write(BufferedWriter lines, Object value) {
        try {
            lines.write(JSON.writeValueAsString(value));
            lines.write('\n');
            lines.flush();
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        } catch (IOException e) {
            throw new TuttiException(
                    Category.ENVIRONMENT, events.getParent() + ": cannot be written (disk full?): " + e, e);
        }
    }

    @Override
    public void close() {
        try (eventLines;
                metricLines) {
            eventLines.flush();
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, events + ": cannot be closed: " + e, e);
        }
    }

    private static BufferedWriter append(Path file) throws IOException {
        return Files.newBufferedWriter(
                file, StandardCharsets.UTF_8, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }
}
