package tutti.coordinator.simulation;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import tutti.common.checkpoint.Checkpoints;

/**
 * What must hold whatever is lost when. The state of a model is one number here, made of all samples that it was trained on in their
 * order: the same step trained again must leave the same number.
 */
final class Invariants implements AutoCloseable {
    static final long UNTRAINED = 1;

    private static final ObjectMapper JSON = new ObjectMapper();

    private final Settings settings;
    private final Path output;
    private final TreeMap<Long, Step> steps = new TreeMap<>();
    private final Map<String, FileChannel> files = new HashMap<>();
    private final Map<String, Long> read = new HashMap<>();
    private final List<String> events = new ArrayList<>();
    /** Ranks of the generation that began last. */
    private final Set<Integer> finished = new HashSet<>();

    private final LongConsumer lost;

    private int begun;
    private int worldSize;
    private String begunBy = "";
    private int formed;
    private int formedRanks;
    private long measured;

    private record Step(List<Integer> samples, long before, long after) {}

    /** @param lost hears the pid of a worker that the run takes for lost */
    Invariants(Settings settings, Path output, LongConsumer lost) {
        this.settings = settings;
        this.output = output;
        this.lost = lost;
    }

    static void require(boolean holds, String rule, Object... values) {
        if (!holds) {
            throw new AssertionError(String.format(Locale.ROOT, rule, values));
        }
    }

    /** A worker takes part in one generation after the other. */
    void rises(String worker, int from, int to) {
        require(to > from, "%s: generation %d after generation %d", worker, to, from);
    }

    /** A generation is one coordinator's, and the last one that begins is the only one that trains. */
    void begun(int generation, int ranks, String coordinator) {
        require(generation >= begun, "generation %d begins after generation %d", generation, begun);
        require(
                generation > begun || coordinator.equals(begunBy),
                "generation %d begins under %s and under %s",
                generation,
                begunBy,
                coordinator);
        require(settings.canBe(ranks), "generation %d has %d workers", generation, ranks);
        require(
                generation > begun || ranks == worldSize,
                "generation %d has %d workers and %d",
                generation,
                worldSize,
                ranks);
        if (generation > begun) {
            finished.clear();
        }
        worldSize = ranks;
        begun = generation;
        begunBy = coordinator;
    }

    private void together(List<Contribution> all) {
        Contribution first = all.get(0);
        require(all.size() == worldSize, "%d ranks in %s", all.size(), first);
        require(
                first.generation() == begun && first.coordinator().equals(begunBy),
                "%s is of an older generation than %d of %s",
                first,
                begun,
                begunBy);
        for (Contribution other : all) {
            require(
                    other.generation() == first.generation()
                            && other.coordinator().equals(first.coordinator())
                            && other.step() == first.step(),
                    "%s meets %s",
                    first,
                    other);
        }
    }

    /** @return the state that all have then */
    long handedOver(List<Contribution> all, int holder, long completed) {
        together(all);
        Contribution from = all.get(holder);
        require(from.completed() == completed, "%s is to hand over the state behind step %d", from, completed);
        for (Contribution rank : all) {
            require(rank.completed() <= completed, "%s goes back to the state behind step %d", rank, completed);
        }
        require(from.state() == stateBehind(completed), "%s: other bits than step %d left before", from, completed);
        return from.state();
    }

    /** A rank that reads its state throws none away that others could take. */
    void reads(String worker, long completed) {
        require(
                settings.sharded() || settings.elastic() || completed < 0,
                "%s reads its state and holds the one behind step %d",
                worker,
                completed);
    }

    void finished(int rank) {
        finished.add(rank);
    }

    /** @return the state behind the step */
    long trained(List<Contribution> all) {
        together(all);
        long step = all.get(0).step();
        for (Contribution rank : all) {
            require(rank.completed() == step, "%s: at step %d", rank, step);
            require(rank.state() == stateBehind(step), "%s: other bits than were left before", rank);
        }
        List<Integer> samples =
                all.stream().flatMap(rank -> rank.samples().stream()).toList();
        Step now = new Step(samples, stateBehind(step), mix(stateBehind(step), step, samples));
        Step before = steps.putIfAbsent(step, now);
        require(before == null || before.equals(now), "step %d was %s and is %s", step, before, now);
        if (before == null) {
            epoch(step);
        }
        return now.after();
    }

    /** No sample twice in an epoch, and all of them when it ends. */
    private void epoch(long step) {
        long perEpoch = settings.stepsPerEpoch();
        long first = step / perEpoch * perEpoch;
        List<Integer> samples = steps.subMap(first, step + 1).values().stream()
                .flatMap(one -> one.samples().stream())
                .toList();
        Set<Integer> once = new HashSet<>(samples);
        require(once.size() == samples.size(), "a sample comes twice in steps %d to %d: %s", first, step, samples);
        require(
                step + 1 < first + perEpoch
                        || once.equals(new HashSet<>(
                                IntStream.range(0, settings.samples()).boxed().toList())),
                "the epoch of steps %d to %d leaves samples out: %s",
                first,
                step,
                samples);
    }

    /** What a checkpoint says of its place in the data. */
    void epochs(double epochs, long completed) {
        require(epochs == settings.epochsBehind(completed), "%s epochs behind step %d", epochs, completed);
    }

    private long stateBehind(long completed) {
        if (completed == 0) {
            return UNTRAINED;
        }
        Step last = steps.get(completed - 1);
        require(last != null, "step %d was never trained", completed);
        return last.after();
    }

    private static long mix(long state, long step, List<Integer> samples) {
        long mixed = state * 0x9E3779B97F4A7C15L + step;
        for (int sample : samples) {
            mixed = (mixed ^ sample) * 0xBF58476D1CE4E5B9L;
            mixed ^= mixed >>> 29;
        }
        return mixed;
    }

    /** What lies under a checkpoint's name is whole, of all ranks and of that step. */
    void committed() {
        for (Checkpoints.Found found : Checkpoints.list(output)) {
            SimulatedPart.State state = SimulatedPart.read(found.path().toString());
            require(state.step() == found.step(), "%s holds step %d", found.path(), state.step());
            require(
                    state.state() == stateBehind(found.step()),
                    "%s: other bits than step %d left",
                    found.path(),
                    found.step());
        }
    }

    /** New lines of the ledger, whenever the coordinator's actors did something. */
    void ledger() {
        for (JsonNode line : newLines("metrics.jsonl")) {
            long step = line.path("step").asLong();
            require(step == measured + 1, "metrics.jsonl: step %d follows step %d", step, measured);
            measured = step;
        }
        for (JsonNode line : newLines("events.jsonl")) {
            String event = line.path("event").asText();
            events.add(event);
            if (event.equals("generation_formed")) {
                int generation = line.path("generation").asInt();
                require(
                        generation > Math.max(formed, begun),
                        "generation %d is formed after %d, and %d began",
                        generation,
                        formed,
                        begun);
                formed = generation;
                int ranks = line.path("world_size").asInt();
                if (formedRanks > 0 && ranks > formedRanks) {
                    events.add("generation_grew");
                }
                formedRanks = ranks;
            } else if (event.equals("worker_lost")) {
                String pid = line.path("member").asText().replaceAll(".*pid (\\d+) .*", "$1");
                lost.accept(Long.parseLong(pid));
            } else if (event.equals("run_finished")) {
                require(measured == settings.totalSteps(), "finished after %d measured steps", measured);
            }
        }
    }

    /** What the ledger says has happened. */
    List<String> events() {
        return events;
    }

    /** At the end of a run that ended well. */
    void done() {
        require(
                steps.size() == settings.totalSteps() && steps.lastKey() == settings.totalSteps() - 1,
                "done after steps %s of %d",
                steps.keySet(),
                settings.totalSteps());
        require(finished.size() == worldSize, "done when ranks %s are", finished);
        require(events.contains("run_finished"), "done without run_finished: %s", events);
    }

    /** Where no disk fails: a checkpoint of the last step, if the plan names one. */
    void lastIsSaved() {
        long last = settings.totalSteps();
        require(
                settings.saveSteps() == 0
                        || last % settings.saveSteps() != 0
                        || Checkpoints.list(output).stream().anyMatch(found -> found.step() == last),
                "done without the checkpoint of the last step, %d",
                last);
    }

    private List<JsonNode> newLines(String name) {
        List<JsonNode> lines = new ArrayList<>();
        try {
            FileChannel file = files.get(name);
            if (file == null) {
                files.put(name, FileChannel.open(output.resolve(name)));
                return newLines(name);
            }
            long from = read.getOrDefault(name, 0L);
            long size = file.size();
            if (size > from) {
                ByteBuffer bytes = ByteBuffer.allocate((int) (size - from));
                file.read(bytes, from);
                read.put(name, size);
                for (String line : new String(bytes.array(), StandardCharsets.UTF_8).split("\n")) {
                    lines.add(JSON.readTree(line));
                }
            }
        } catch (JsonProcessingException e) {
            throw new AssertionError(name + " has a line that is no JSON: " + e, e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return lines;
    }

    @Override
    public void close() {
        for (FileChannel file : files.values()) {
            try {
                file.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
