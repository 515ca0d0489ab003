package tutti.worker.allreduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.error.TuttiException;
import tutti.worker.tensor.DType;

class FlightRecorderTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long MILLISECOND = 1_000_000;

    @TempDir
    Path folder;

    @Test
    void shouldWriteWhenAndHowACollectiveWent() throws Exception {
        FlightRecorder recorder = recorder("logs/rank-0-collectives.jsonl");
        recorder.started(0, what("bucket"), 60 * MILLISECOND);
        recorder.began(0, 70 * MILLISECOND);
        recorder.carriedBy(0, new SharedNothing());
        recorder.ended(0, 90 * MILLISECOND);
        recorder.started(1, what("next"), 80 * MILLISECOND);

        List<JsonNode> lines = lines(recorder.write().orElseThrow());

        assertThat(lines).hasSize(2);
        assertThat(lines.get(0))
                .isEqualTo(JSON.readTree("""
                        {"sequence": 0, "kind": "all-reduce", "name": "bucket", "dtype": "F32", "bytes": 800,
                         "state": "done", "algorithm": "SharedNothing", "thread": "%s",
                         "started_at": "2026-11-26T11:59:59.960Z", "began_at": "2026-11-26T11:59:59.970Z",
                         "ended_at": "2026-11-26T11:59:59.990Z",
                         "started_nanos": 60000000, "began_nanos": 70000000, "ended_nanos": 90000000, "error": null}
                        """.formatted(Thread.currentThread().getName())));
        assertThat(lines.get(1)).isEqualTo(JSON.readTree("""
                        {"sequence": 1, "kind": "all-reduce", "name": "next", "dtype": "F32", "bytes": 800,
                         "state": "queued", "algorithm": null, "thread": null,
                         "started_at": "2026-11-26T11:59:59.980Z", "began_at": null, "ended_at": null,
                         "started_nanos": 80000000, "began_nanos": null, "ended_nanos": null, "error": null}
                        """));
    }

    @Test
    void shouldKeepTheLastOnesAndPutTheFailedOneLast() throws Exception {
        FlightRecorder recorder = recorder("ring.jsonl");
        int last = 2 * FlightRecorder.CAPACITY + 7;
        for (int sequence = 0; sequence <= last; sequence++) {
            recorder.started(sequence, what("n" + sequence), 0);
        }
        recorder.failed(last - 3, "rank 1 is gone", 0);
        recorder.ended(5, 0);

        List<JsonNode> lines = lines(recorder.write().orElseThrow());

        assertThat(lines).hasSize(FlightRecorder.CAPACITY);
        assertThat(lines.get(0).get("sequence").asInt()).isEqualTo(last - FlightRecorder.CAPACITY + 1);
        assertThat(lines.get(FlightRecorder.CAPACITY - 2).get("sequence").asInt())
                .isEqualTo(last);
        JsonNode failed = lines.get(FlightRecorder.CAPACITY - 1);
        assertThat(failed.get("name").asText()).isEqualTo("n" + (last - 3));
        assertThat(failed.get("state").asText()).isEqualTo("failed");
        assertThat(failed.get("error").asText()).isEqualTo("rank 1 is gone");
        assertThat(lines)
                .as("the news of an old one changes no other")
                .noneMatch(line -> line.get("state").asText().equals("done"));
    }

    @Test
    void shouldMakeNoGarbage() {
        FlightRecorder recorder = recorder("steady.jsonl");
        Collective what = what("bucket");
        Exchange exchange = new SharedNothing();
        record(recorder, what, exchange);
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getThreadAllocatedBytes(Thread.currentThread().getId());
        record(recorder, what, exchange);
        long bytes = threads.getThreadAllocatedBytes(Thread.currentThread().getId()) - before;
        assertThat(bytes).as("bytes for 20,000 collectives").isLessThan(20_000);
    }

    private static void record(FlightRecorder recorder, Collective what, Exchange exchange) {
        for (int sequence = 0; sequence < 20_000; sequence++) {
            recorder.started(sequence, what, 1);
            recorder.began(sequence, 2);
            recorder.carriedBy(sequence, exchange);
            recorder.ended(sequence, 3);
        }
    }

    @Test
    void shouldGoOnWhereTheFileCannotBeWritten() throws IOException {
        Path taken = Files.createFile(folder.resolve("taken"));
        FlightRecorder recorder = recorder("taken/rank-0-collectives.jsonl");
        recorder.started(0, what("bucket"), 0);
        assertThat(recorder.write()).isEmpty();
        assertThat(taken).isRegularFile();
    }

    /** Rank 2 ends behind the second barrier: both that wait for it leave a file, and whoever notices, the file names rank 2. */
    @Test
    void shouldLeaveAFileOnEveryRankThatWaitedForALostOne() throws Exception {
        InMemoryNetwork network = new InMemoryNetwork(3);
        List<CompletableFuture<TuttiException>> ranks = new ArrayList<>();
        for (int rank = 0; rank < 3; rank++) {
            int self = rank;
            ranks.add(CompletableFuture.supplyAsync(
                    () -> trainUntilRank2IsLost(network, self), task -> new Thread(task, "test-rank-" + self).start()));
        }
        assertThat(ranks.get(2).get(30, TimeUnit.SECONDS)).isNull();
        assertThat(file(2)).doesNotExist();
        for (int rank = 0; rank < 2; rank++) {
            TuttiException failure = ranks.get(rank).get(30, TimeUnit.SECONDS);
            assertThat(failure).hasMessageEndingWith("[last collectives: %s]", file(rank));
            List<JsonNode> lines = lines(file(rank));
            assertThat(lines.stream().map(line -> line.get("name").asText()))
                    .containsExactly("first", "second", "gradients/1", "gradients/0");
            assertThat(lines.stream().map(line -> line.get("state").asText()))
                    .containsExactly("done", "done", "queued", "failed");
            JsonNode failed = lines.get(3);
            assertThat(failed.get("error").asText())
                    .contains("'gradients/0'", "rank 2 (host-2)")
                    .isNotEqualTo(failure.getMessage());
            assertThat(failed.get("algorithm").asText()).isEqualTo("FramedExchange");
            assertThat(failed.get("thread").asText()).isEqualTo("tutti-allreduce-" + rank);
        }
    }

    private TuttiException trainUntilRank2IsLost(InMemoryNetwork network, int rank) {
        Group group = new Ranks(Optional.empty()).group(rank, 3);
        FlightRecorder recorder = new FlightRecorder(file(rank), System::nanoTime, InstantSource.system());
        try (TreeAllReduce collectives = new TreeAllReduce(
                network.link(rank),
                group,
                16 << 10,
                Duration.ofSeconds(rank + 1),
                System::nanoTime,
                stall -> {},
                new PlainAddition(),
                Topology.apart(3),
                null,
                recorder)) {
            collectives.barrier("first");
            collectives.barrier("second");
            if (rank == 2) {
                return null;
            }
            ByteBuffer data = ByteBuffer.allocateDirect(300_000);
            Pending first = collectives.allReduceSum("gradients/0", data, DType.F32);
            Pending second = collectives.allReduceSum("gradients/1", ByteBuffer.allocateDirect(800), DType.F32);
            TuttiException failure = catchThrowableOfType(TuttiException.class, first::await);
            assertThat(catchThrowableOfType(TuttiException.class, second::await))
                    .hasMessage(failure.getMessage());
            return failure;
        }
    }

    @Test
    void shouldTellWhomACollectiveWaitedForThatWasClosed() throws Exception {
        InMemoryNetwork network = new InMemoryNetwork(2);
        TreeAllReduce collectives = new TreeAllReduce(
                network.link(0),
                new Ranks(Optional.empty()).group(0, 2),
                16 << 10,
                Duration.ofSeconds(20),
                System::nanoTime,
                stall -> {},
                new PlainAddition(),
                Topology.apart(2),
                null,
                new FlightRecorder(file(0), System::nanoTime, InstantSource.system()));
        collectives.allReduceSum("gradients/0", ByteBuffer.allocateDirect(800), DType.F32);
        collectives.close();
        List<JsonNode> lines = lines(file(0));
        assertThat(lines).hasSize(1);
        assertThat(lines.get(0).get("error").asText())
                .contains("closed while it waited for rank 1 (host-1): received 0 of 800 bytes");
    }

    private Path file(int rank) {
        return folder.resolve("logs/rank-%d-collectives.jsonl".formatted(rank));
    }

    /** 100 ms on its clock are noon on the wall. */
    private FlightRecorder recorder(String file) {
        return new FlightRecorder(
                folder.resolve(file),
                () -> 100 * MILLISECOND,
                InstantSource.fixed(Instant.parse("2026-11-26T12:00:00Z")));
    }

    private static Collective what(String name) {
        return new Collective(
                Collective.Kind.ALL_REDUCE,
                name,
                DType.F32,
                DType.F32,
                Partition.even(200, 2),
                ByteBuffer.allocateDirect(800));
    }

    private static List<JsonNode> lines(Path file) throws IOException {
        List<JsonNode> lines = new ArrayList<>();
        for (String line : Files.readAllLines(file)) {
            lines.add(JSON.readTree(line));
        }
        return lines;
    }

    /** An exchange of which only the name is asked. */
    private static final class SharedNothing extends Exchange {
        @Override
        boolean done() {
            return true;
        }

        @Override
        int send(int peer, Wire wire) {
            return 0;
        }

        @Override
        Verdict accept(IncomingFrame frame) {
            return Verdict.MALFORMED;
        }

        @Override
        int advance() {
            return 0;
        }

        @Override
        long received(int peer, int kind) {
            return 0;
        }

        @Override
        long expected(int peer, int kind) {
            return 0;
        }

        @Override
        long sent(int peer, int kind) {
            return 0;
        }

        @Override
        long toSend(int peer, int kind) {
            return 0;
        }
    }
}
