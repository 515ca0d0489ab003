package tutti.coordinator.simulation;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import tutti.common.checkpoint.Checkpoints;

/**
 * What must hold whatever is lost when. The state of a model is one number here, made of all samples that it was trained on in their
 * order: the same step trained again must leave the same number, unless all were rolled back between.
 */
final class Invariants implements AutoCloseable {
    static final long UNTRAINED = 1;

    private static final ObjectMapper JSON = new ObjectMapper();

    private final Settings settings;
    private final Path output;
    /** Of each step; those included that were left out. */
    private final TreeMap<Long, List<Integer>> samples = new TreeMap<>();
    /** By the steps behind it. */
    private final TreeMap<Long, Long> states = new TreeMap<>(Map.of(0L, UNTRAINED));
    /** All states there ever were, those included from which all were rolled back. */
    private final Map<Long, Set<Long>> everStates = new HashMap<>();

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
    private final Map<Collective, Trained> trained = new HashMap<>();
    /** Collectives of a generation that were completed after the next one had begun. */
    private final Map<Integer, Integer> late = new HashMap<>();

    private record Collective(int generation, String coordinator, long index) {}

    private record Trained(List<Contribution> all, OptionalLong after) {}

    /** Loss by step. */
    private final TreeMap<Long, Double> evaluations = new TreeMap<>();

    private final Set<Long> everCommitted = new HashSet<>();
    /** From the steps behind a commit to those behind which all were that went back to it. */
    private final Map<Long, Long> passedOver = new HashMap<>();

    private long best;
    private long committed;
    private long leftOut;
    private int rolledBackIn;
    /** No generation has begun since. */
    private boolean rollingBack;

    private boolean asked;

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

    /** Somebody asks for a checkpoint. */
    void asked() {
        asked = true;
    }

    /** A worker takes part in one generation after the other. */
    void rises(String worker, int from, int to) {
        require(to > from, "%s: generation %d after generation %d", worker, to, from);
    }

    /** A generation is one coordinator's, and the last one that begins is the only one that trains: who slept through an older one begins it alone. */
    void begun(int generation, int ranks, String coordinator) {
        require(settings.canBe(ranks), "generation %d has %d workers", generation, ranks);
        if (generation < begun) {
            return;
        }
        require(
                generation > begun || coordinator.equals(begunBy),
                "generation %d begins under %s and under %s",
                generation,
                begunBy,
                coordinator);
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
        Contribution from = all.get(holder);
        require(from.completed() == completed, "%s is to hand over the state behind step %d", from, completed);
        if (from.generation() < begun) {
            // Taken by one that slept, of what the others had put in before.
            return from.state();
        }
        together(all);
        for (Contribution rank : all) {
            require(rank.completed() <= completed, "%s goes back to the state behind step %d", rank, completed);
        }
        require(from.state() == stateBehind(completed), "%s: other bits than step %d left before", from, completed);
        require(!rollingBack, "%s was to go back", from);
        return from.state();
    }

    /** A rank that reads its state throws none away that others could take: none that stands for the steps that were left out. */
    void reads(String worker, long completed) {
        require(
                settings.sharded() || settings.elastic() || completed < leftOut,
                "%s reads its state and holds the one behind step %d",
                worker,
                completed);
    }

    /**
     * A generation begins with what its ranks have read.
     *
     * @param firstStep behind the steps that were left out
     */
    void beginsWith(int generation, SimulatedPart.State read, long firstStep) {
        if (generation < begun) {
            return;
        }
        require(
                read.step() == committed,
                "generation %d begins with %s, not with step %d",
                generation,
                read,
                committed);
        require(
                firstStep == Math.max(committed, leftOut),
                "generation %d begins with %s at step %d, but those up to %d are left out",
                generation,
                read,
                firstStep,
                leftOut);
        if (rollingBack) {
            require(generation > rolledBackIn, "generation %d begins, and is to go back", generation);
            rollingBack = false;
            states.tailMap(read.step(), false).clear();
            left(firstStep, read.state());
        }
        require(read.state() == stateBehind(firstStep), "generation %d: %s holds other bits", generation, read);
    }

    void finished(int rank) {
        finished.add(rank);
    }

    /** @return the state behind the step; empty: it is not finite */
    OptionalLong trained(List<Contribution> all) {
        Contribution first = all.get(0);
        Collective one = new Collective(first.generation(), first.coordinator(), first.index());
        Trained known = trained.get(one);
        if (known == null) {
            known = new Trained(all, isOver(first) ? train(all, first.state()) : train(all));
            trained.put(one, known);
        }
        require(known.all().equals(all), "%s comes out of %s and of %s", first, known.all(), all);
        return known.after();
    }

    /**
     * A rank that hung wakes in a generation that is over, and completes what the others have put into it before: nobody hears of that,
     * and no more comes from them.
     */
    private boolean isOver(Contribution first) {
        boolean over = first.generation() < begun;
        require(
                !over || late.merge(first.generation(), 1, Integer::sum) <= 2,
                "%s goes on after generation %d has begun",
                first,
                begun);
        return over;
    }

    /** All evaluate the same, which is what the training has left. */
    void evaluated(List<Contribution> all) {
        Contribution first = all.get(0);
        if (first.generation() < begun) {
            // Ranks that hung: the next generation has it evaluated.
            return;
        }
        together(all);
        for (Contribution rank : all) {
            require(
                    rank.completed() == first.step() && rank.state() == stateBehind(first.step()),
                    "%s evaluates other bits than step %d left",
                    rank,
                    first.step());
        }
    }

    /** Of a state, in [0, 1). */
    static double loss(long state) {
        return (state >>> 11) * 0x1p-53;
    }

    private OptionalLong train(List<Contribution> all) {
        together(all);
        long step = all.get(0).step();
        for (Contribution rank : all) {
            require(rank.completed() == step, "%s: at step %d", rank, step);
            require(rank.state() == stateBehind(step), "%s: other bits than were left before", rank);
        }
        require(step >= leftOut, "step %d is trained, and was left out", step);
        OptionalLong after = train(all, stateBehind(step));
        after.ifPresent(state -> left(step + 1, state));
        return after;
    }

    private OptionalLong train(List<Contribution> all, long state) {
        long step = all.get(0).step();
        List<Integer> now =
                all.stream().flatMap(rank -> rank.samples().stream()).toList();
        List<Integer> before = samples.putIfAbsent(step, now);
        require(before == null || before.equals(now), "step %d was of %s and is of %s", step, before, now);
        if (before == null) {
            epoch(step);
        }
        return now.stream().anyMatch(settings.bad()::contains)
                ? OptionalLong.empty()
                : OptionalLong.of(mix(state, step, now));
    }

    private void left(long completed, long state) {
        Long before = states.putIfAbsent(completed, state);
        require(before == null || before == state, "step %d left other bits before", completed);
        everStates.computeIfAbsent(completed, key -> new HashSet<>()).add(state);
    }

    /** No sample twice in an epoch, and all of them when it ends. */
    private void epoch(long step) {
        long perEpoch = settings.stepsPerEpoch();
        long first = step / perEpoch * perEpoch;
        List<Integer> all = samples.subMap(first, step + 1).values().stream()
                .flatMap(List::stream)
                .toList();
        Set<Integer> once = new HashSet<>(all);
        require(once.size() == all.size(), "a sample comes twice in steps %d to %d: %s", first, step, all);
        require(
                step + 1 < first + perEpoch
                        || once.equals(new HashSet<>(
                                IntStream.range(0, settings.samples()).boxed().toList())),
                "the epoch of steps %d to %d leaves samples out: %s",
                first,
                step,
                all);
    }

    /** What a checkpoint says of its place in the data. */
    void epochs(double epochs, long completed) {
        require(epochs == settings.epochsBehind(completed), "%s epochs behind step %d", epochs, completed);
    }

    private long stateBehind(long completed) {
        Long state = states.get(completed);
        require(state != null, "step %d was never trained", completed);
        return state;
    }

    private static long mix(long state, long step, List<Integer> samples) {
        long mixed = state * 0x9E3779B97F4A7C15L + step;
        for (int sample : samples) {
            mixed = (mixed ^ sample) * 0xBF58476D1CE4E5B9L;
            mixed ^= mixed >>> 29;
        }
        return mixed;
    }

    /**
     * What lies under a checkpoint's name is whole, of all ranks and of that step; of one from which all were rolled back, if its
     * coordinator was killed before it said so.
     */
    void committed() {
        for (Checkpoints.Found found : Checkpoints.list(output)) {
            SimulatedPart.State state = SimulatedPart.read(found.path().toString());
            require(state.step() == found.step(), "%s holds step %d", found.path(), state.step());
            require(
                    everStates.getOrDefault(found.step(), Set.of()).contains(state.state()),
                    "%s: other bits than step %d left",
                    found.path(),
                    found.step());
        }
    }

    /** New lines of the ledger, whenever the coordinator's actors did something. */
    void ledger() {
        for (JsonNode line : newLines("metrics.jsonl")) {
            if (line.has("eval_loss")) {
                continue;
            }
            long step = line.path("step").asLong();
            require(
                    step == measured + 1 || step > measured && leftOut >= step - 1,
                    "metrics.jsonl: step %d follows step %d",
                    step,
                    measured);
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
            } else if (event.equals("rolled_back")) {
                leftOut = line.path("step").asLong();
                passedOver.put(committed, leftOut);
                rolledBackIn = line.path("generation").asInt();
                rollingBack = true;
            } else if (event.equals("evaluated")) {
                long step = line.path("step").asLong();
                double loss = line.path("eval_loss").asDouble();
                Double before = evaluations.put(step, loss);
                require(before == null, "step %d is evaluated twice: %s and %s", step, before, loss);
            } else if (event.equals("best_model_chosen")) {
                chosen(line.path("step").asLong(), line.path("checkpoint").asText());
            } else if (event.equals("checkpoint_committed")) {
                committed = line.path("step").asLong();
                everCommitted.add(committed);
                // Where state is sharded the run itself asks for one, when others are to take part.
                if (settings.saveSteps() == 0 && !settings.sharded() && !asked) {
                    events.add("checkpoint_by_the_clock");
                }
            } else if (event.equals("run_finished")) {
                require(
                        Math.max(measured, leftOut) == settings.totalSteps(),
                        "finished after %d measured steps",
                        measured);
            }
        }
    }

    /** None that was committed is better, and it is still there. */
    private void chosen(long step, String folder) {
        require(
                folder.isEmpty() ? step == settings.totalSteps() : Files.isDirectory(Path.of(folder)),
                "the best is step %d in '%s'",
                step,
                folder);
        evaluations.forEach((other, loss) -> require(
                loss >= evaluations.get(step) || !everCommitted.contains(other) && other != settings.totalSteps(),
                "step %d is better than step %d: %s",
                other,
                step,
                evaluations));
        best = step;
    }

    /** Each evaluation of the plan has happened, but for those that were left out with their steps. */
    private void allEvaluated() {
        for (long step = 1; step <= settings.totalSteps(); step++) {
            long behind = step;
            boolean passed =
                    passedOver.entrySet().stream().anyMatch(span -> span.getKey() < behind && behind < span.getValue());
            require(
                    passed || settings.evaluatesBehind(step) == evaluations.containsKey(step),
                    "step %d: due %s, evaluated are %s",
                    step,
                    settings.evaluatesBehind(step),
                    evaluations);
        }
    }

    /** What the ledger says has happened. */
    List<String> events() {
        return events;
    }

    /** At the end of a run that ended well. */
    void done() {
        require(
                samples.size() == settings.totalSteps() && states.lastKey() == settings.totalSteps(),
                "done after steps %s of %d, with the state behind %d",
                samples.keySet(),
                settings.totalSteps(),
                states.lastKey());
        require(!rollingBack, "done, and was to go back behind step %d", leftOut);
        require(finished.size() == worldSize, "done when ranks %s are", finished);
        require(events.contains("run_finished"), "done without run_finished: %s", events);
        allEvaluated();
        require(best > 0 == settings.loadsBest(), "done with step %d for the best", best);
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
