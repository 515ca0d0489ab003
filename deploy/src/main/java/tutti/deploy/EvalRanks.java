package tutti.deploy;

import static tutti.common.error.TuttiException.bug;
import static tutti.common.error.TuttiException.user;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentSkipListMap;
import tutti.deploy.agent.RankGroup;
import tutti.deploy.agent.RankGroup.Driver;
import tutti.worker.generate.Evaluation;
import tutti.worker.generate.Evaluator;

/** An evaluation shared among processes of this machine: rank r of W computes batches r, r + W, ..., and says each in a line of JSON. */
record EvalRanks(RankGroup ranks) {
    private static final ObjectMapper JSON = new ObjectMapper();
    /** Longer than any evaluation that somebody waits for. */
    private static final Duration MOST = Duration.ofDays(2);

    /** Which one of how many a process is: {@code RANK/WORLD_SIZE}. */
    record Seat(int rank, int worldSize) {
        static Seat of(String text) {
            if (!text.matches("\\d{1,4}/\\d{1,4}")) {
                throw user("--seat=%s: `tutti eval --nproc_per_node` sets it, nobody else", text);
            }
            String[] parts = text.split("/");
            return new Seat(Integer.parseInt(parts[0]), Integer.parseInt(parts[1]));
        }

        String text() {
            return rank + "/" + worldSize;
        }
    }

    private record Line(int batch, Evaluation evaluation) {}

    /** What a rank does. */
    static void compute(Seat seat, Evaluator evaluator, PrintStream out) {
        for (int batch = seat.rank(); batch < evaluator.batches(); batch += seat.worldSize()) {
            try {
                out.println(JSON.writeValueAsString(new Line(batch, evaluator.batch(batch))));
            } catch (JsonProcessingException e) {
                throw new IllegalStateException(e);
            }
        }
        out.flush();
    }

    /** @param evaluation empty if a rank has failed */
    record Outcome(int exitCode, Optional<Evaluation> evaluation) {}

    /**
     * Starts the ranks and adds up what they say.
     *
     * @param words of the command of a rank, but for the seat
     * @param batches in all
     */
    Outcome run(int worldSize, List<String> words, int batches) {
        Map<Integer, Evaluation> said = new ConcurrentSkipListMap<>();
        int code = ranks.run(
                worldSize,
                Driver.NONE,
                MOST,
                (rank, none) -> {
                    List<String> line = new ArrayList<>(words);
                    line.addAll(List.of("--seat", new Seat(rank, worldSize).text()));
                    return line;
                },
                (rank, text) -> {
                    Optional<Line> line = line(text);
                    line.ifPresent(one -> said.put(one.batch(), one.evaluation()));
                    return line.isPresent();
                });
        if (code != 0) {
            return new Outcome(code, Optional.empty());
        }
        if (said.size() != batches) {
            throw bug("the processes told %d of %d batches", said.size(), batches);
        }
        return new Outcome(0, Optional.of(Evaluation.sum(List.copyOf(said.values()))));
    }

    /** Empty for what a library may say on standard output. */
    private static Optional<Line> line(String text) {
        try {
            return Optional.ofNullable(JSON.readValue(text, Line.class)).filter(line -> line.evaluation() != null);
        } catch (JsonProcessingException e) {
            return Optional.empty();
        }
    }
}
