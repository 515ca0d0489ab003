package tutti.coordinator.ledger;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import tutti.common.config.LedgerConfig;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.metrics.EvalMetrics;
import tutti.common.metrics.StepMetrics;
import tutti.common.protocol.WorkerReport.SampleAnswer;

/**
 * What happened in a run, twice: in a database, which the next coordinator trusts, and behind it as lines for people. Both are
 * handed to the system when they are written, so they outlive a killed coordinator. Used by one thread at a time.
 */
public final class RunLedger implements AutoCloseable {
    /** How often {@link #beat} is to be called. */
    public static final Duration BEAT = Duration.ofSeconds(3);

    private static final ObjectMapper JSON = new ObjectMapper();
    /** Event: all workers of a generation were there and could not reach each other. */
    public static final String GROUP_BROKE = "group_broke";

    private static final String EVALUATED = "evaluated";
    /** Long enough for two that make the tables at the same time. */
    private static final Duration AT_THE_START = Duration.ofSeconds(2);

    private static final Duration IN_A_RUN = Duration.ofSeconds(30);

    private final InstantSource clock;
    private final EventTable events;
    private final LineFile eventLines;
    private final LineFile metricLines;
    /** Of the line that an earlier coordinator of this run wrote last; -1: there is none. */
    private long lastEvaluated = -1;

    private final Path samples;
    /** From the first line on. */
    private Optional<LineFile> sampleLines = Optional.empty();

    /**
     * Waits for up to 10 seconds where a coordinator that was killed may still be alive.
     *
     * @param output an existing folder; what earlier runs wrote in it is kept
     * @param again whether this run has had a coordinator before: then a server that is away is waited for
     * @param environment of the process; see {@link LedgerConfig}
     * @throws TuttiException (environment) if another coordinator has the run, or the database cannot be used
     */
    public RunLedger(
            LedgerConfig config,
            Path output,
            String runId,
            boolean again,
            Map<String, String> environment,
            InstantSource clock) {
        this(
                EventTable.open(
                        Databases.of(config, output, environment),
                        runId,
                        clock,
                        again ? IN_A_RUN : AT_THE_START,
                        pause -> LockSupport.parkNanos(pause.toNanos())),
                output,
                clock);
    }

    /** @param events closed with this */
    RunLedger(EventTable events, Path output, InstantSource clock) {
        this.clock = clock;
        this.events = events;
        this.samples = output.resolve("samples.jsonl");
        try {
            this.eventLines = new LineFile(output.resolve("events.jsonl"));
            this.metricLines = new LineFile(output.resolve("metrics.jsonl"));
        } catch (TuttiException e) {
            events.close();
            throw e;
        }
    }

    /**
     * @param event what happened, in past tense
     * @param details values Jackson can write
     * @throws TuttiException (environment) if another coordinator has the run, or neither database nor memory takes it
     */
    public void happened(String event, Map<String, ?> details) {
        Instant now = clock.instant();
        ObjectNode json = JSON.valueToTree(new TreeMap<>(details));
        events.add(now, event, json.toString());
        ObjectNode line = JSON.createObjectNode();
        line.put("time", now.toString());
        line.put("event", event);
        line.setAll(json);
        write(eventLines, line);
    }

    /** Keeps the run. Throws as {@link #happened} does. */
    public void beat() {
        events.beat();
    }

    /** What earlier coordinators of this run have left, since it was last started; empty: none came so far as to start it. */
    public Optional<Past> past() {
        boolean started = false;
        String resumedFrom = "";
        List<Path> commits = new ArrayList<>();
        List<Past.Loss> lost = new ArrayList<>();
        int generation = 0;
        int worldSize = 0;
        long leftOut = 0;
        int rolledBackIn = 0;
        int rollbacks = 0;
        List<EvalMetrics> evaluations = new ArrayList<>();
        for (Event event : events.all()) {
            JsonNode details = parse(event.details());
            switch (event.event()) {
                case "run_started" -> {
                    started = true;
                    resumedFrom = details.path("resume_from").asText();
                    commits.clear();
                    lost.clear();
                    generation = 0;
                    worldSize = 0;
                    leftOut = 0;
                    rolledBackIn = 0;
                    rollbacks = 0;
                    evaluations.clear();
                }
                case EVALUATED -> evaluations.add(JSON.convertValue(details, EvalMetrics.class));
                case "rolled_back" -> {
                    leftOut = details.path("step").asLong();
                    rolledBackIn = details.path("generation").asInt();
                    rollbacks++;
                }
                case "checkpoint_committed" ->
                    commits.add(0, Path.of(details.path("folder").asText()));
                case "generation_formed" -> {
                    generation = details.path("generation").asInt();
                    worldSize = details.path("world_size").asInt();
                }
                case "worker_lost" ->
                    lost.add(new Past.Loss(
                            details.path("generation").asInt(),
                            details.path("node").asInt(),
                            details.path("member").asText()));
                case GROUP_BROKE ->
                    lost.add(new Past.Loss(
                            details.path("generation").asInt(),
                            Past.Loss.BETWEEN_NODES,
                            "the connection of the group"));
                case "node_left" -> {
                    int node = details.path("node").asInt();
                    lost.removeIf(loss -> loss.node() == node);
                }
                default -> {}
            }
        }
        lastEvaluated = started ? lastEvaluated() : lastEvaluated;
        return started
                ? Optional.of(new Past(
                        resumedFrom,
                        commits,
                        generation,
                        worldSize,
                        lost,
                        leftOut,
                        rolledBackIn,
                        rollbacks,
                        lastMeasured(),
                        evaluations))
                : Optional.empty();
    }

    private long lastEvaluated() {
        return metricLines
                .last(line -> parse(line).has("eval_loss"))
                .map(line -> parse(line).path("step").asLong())
                .orElse(-1L);
    }

    private long lastMeasured() {
        // Behind the line of a step there may be one of its evaluation, or before it.
        return metricLines
                .last(line -> !parse(line).has("eval_loss"))
                .map(line -> parse(line).path("step").asLong())
                .orElse(0L);
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

    /** How good the weights are. Throws as {@link #happened} does. */
    public void evaluated(EvalMetrics found) {
        // First, since an event is not told again. The one before this coordinator may have come so far and no further.
        if (found.step() > lastEvaluated) {
            write(metricLines, found);
        }
        happened(EVALUATED, JSON.convertValue(found, new TypeReference<Map<String, Object>>() {}));
    }

    /**
     * What the model said then to a prompt: a line of {@code samples.jsonl}, which is there from the first one on.
     *
     * @param step steps behind the weights
     */
    public void answered(long step, SampleAnswer answer) {
        LineFile lines = sampleLines.orElseGet(() -> new LineFile(samples));
        sampleLines = Optional.of(lines);
        ObjectNode line = JSON.createObjectNode();
        line.put("step", step);
        line.put("prompt", answer.prompt());
        line.put("answer", answer.answer());
        write(lines, line);
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
        try (events;
                eventLines;
                metricLines) {
            sampleLines.ifPresent(LineFile::close);
        }
    }
}
