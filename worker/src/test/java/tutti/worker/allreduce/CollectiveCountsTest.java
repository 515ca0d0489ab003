package tutti.worker.allreduce;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.worker.tensor.DType;

/** What collectives count, in numbers that follow from what they are. */
class CollectiveCountsTest {
    private static final int RANKS = 3;
    private static final Duration PATIENT = Duration.ofSeconds(20);
    private static final int LONG = 90_000;
    private static final int SHORT = 999;

    @TempDir
    Path folder;

    private final Ranks ranks = new Ranks(Optional.empty());

    /** Whatever the way, each byte of a sum is sent to its owner by all but one rank, and by its owner to all but one. */
    @ParameterizedTest
    @ValueSource(strings = {"link", "memory", "nodes"})
    void shouldCountEveryByteThatEveryWaySends(String way) throws Exception {
        IntFunction<ChunkLink> network = new InMemoryNetwork(RANKS)::link;
        IntFunction<ChunkLink> links = switch (way) {
            case "link" -> network;
            case "memory" -> rank -> new SharingLink(network.apply(rank), folder, 4096, Topology.even(1, RANKS));
            default -> rank -> new SharingLink(network.apply(rank), folder, 4096, Topology.of(List.of(0, 0, 1)));
        };
        List<CollectiveCounts> counts = run(
                links,
                collectives -> collectives
                        .allReduceSum("long", ByteBuffer.allocateDirect(4 * LONG), DType.F32)
                        .await());
        assertThat(counts.stream().mapToLong(CollectiveCounts::bytesSent).sum()).isEqualTo(2L * (RANKS - 1) * 4 * LONG);
        assertThat(counts).allSatisfy(rank -> assertThat(rank.busBytes()).isEqualTo(2L * 2 * 4 * LONG / 3));
    }

    /** Within the node of ranks 0 and 1 a sum and a copy of all, between nodes half of that twice. */
    @ParameterizedTest
    @ValueSource(strings = {"link", "nodes"})
    void shouldCountHalfWhereBfloat16Travels(String way) throws Exception {
        IntFunction<ChunkLink> network = new InMemoryNetwork(RANKS)::link;
        boolean link = way.equals("link");
        List<CollectiveCounts> counts = run(
                link
                        ? network
                        : rank -> new SharingLink(network.apply(rank), folder, 4096, Topology.of(List.of(0, 0, 1))),
                collectives -> collectives.allReduceSumAndWait(
                        "narrowed", ByteBuffer.allocateDirect(4 * LONG), DType.F32, DType.BF16));
        long halves = 2L * 4 * LONG;
        assertThat(counts.stream().mapToLong(CollectiveCounts::bytesSent).sum())
                .isEqualTo(link ? 2 * halves / 2 : halves + halves / 2);
        assertThat(counts).allSatisfy(rank -> assertThat(rank.busBytes()).isEqualTo(2L * 2 * 2 * LONG / 3));
    }

    @Test
    void shouldCountWhatEachKindSendsAndWhatABusWouldCarry() throws Exception {
        Partition parts = Partition.even(LONG, RANKS);
        List<CollectiveCounts> counts = run(new InMemoryNetwork(RANKS)::link, collectives -> {
            ByteBuffer data = ByteBuffer.allocateDirect(4 * LONG);
            CollectiveCounts start = collectives.counts();
            collectives.allReduceSumAndWait("short", ByteBuffer.allocateDirect(4 * SHORT), DType.F32);
            CollectiveCounts gathered = collectives.counts().minus(start);
            // Short sums are gathered whole.
            assertThat(gathered.bytesSent()).isEqualTo(2 * 4 * SHORT);
            assertThat(gathered.nanos()).isPositive();
            assertThat(gathered.busBytes()).as("latency, not bandwidth").isZero();
            assertThat(gathered.busNanos()).isZero();
            collectives.reduceScatterSum("scatter", data, DType.F32, parts).await();
            collectives.allGather("gather", data, DType.F32, parts).await();
            collectives.broadcast("copies", data, DType.F32, 1).await();
            CollectiveCounts before = collectives.counts();
            collectives.barrier("numbers");
            CollectiveCounts numbers = collectives.counts().minus(before);
            assertThat(numbers.bytesSent()).isEqualTo(2 * Long.BYTES);
        });
        long halves = 2 * (2L * 4 * LONG / 3);
        long rest = 2 * 4 * SHORT + 2 * Long.BYTES;
        assertThat(counts.stream().map(CollectiveCounts::bytesSent))
                .containsExactly(rest + halves, rest + halves + 2L * 4 * LONG, rest + halves);
        assertThat(counts).allSatisfy(rank -> {
            assertThat(rank.busBytes()).isEqualTo(halves + 4 * LONG);
            assertThat(rank.nanos()).isGreaterThan(rank.busNanos());
            assertThat(rank.retransmits()).as("this link loses nothing").isZero();
        });
    }

    @Test
    void shouldCountEveryRefusalOfTheLink() throws Exception {
        AtomicLong refusals = new AtomicLong();
        IntFunction<ChunkLink> network = new InMemoryNetwork(RANKS)::link;
        List<CollectiveCounts> counts = run(
                rank -> new GatedLink(
                        network.apply(rank),
                        () -> true,
                        (peer, answer) -> refusals.addAndGet(answer == ChunkLink.Offer.BACK_PRESSURE ? 1 : 0)),
                collectives -> collectives.allReduceSumAndWait("sum", ByteBuffer.allocateDirect(4 * LONG), DType.F32));
        assertThat(counts.stream().mapToLong(CollectiveCounts::refusedOffers).sum())
                .isPositive()
                .isEqualTo(refusals.get());
    }

    @Test
    void shouldTellEveryKindOfDroppedFrameSinceTheLastTime() {
        DroppedFrames dropped = new DroppedFrames();
        CollectiveCounters counters = new CollectiveCounters();
        dropped.add(DroppedFrames.Kind.DUPLICATE);
        CollectiveCounts before = counters.snapshot(dropped);
        dropped.add(DroppedFrames.Kind.DUPLICATE);
        dropped.add(DroppedFrames.Kind.DUPLICATE);
        Map<DroppedFrames.Kind, Long> expected = new EnumMap<>(DroppedFrames.Kind.class);
        for (DroppedFrames.Kind kind : DroppedFrames.Kind.values()) {
            expected.put(kind, kind == DroppedFrames.Kind.DUPLICATE ? 2L : 0L);
        }
        assertThat(counters.snapshot(dropped).minus(before).dropped()).isEqualTo(expected);
    }

    @Test
    void shouldCountNothingWithOneRank() throws Exception {
        CollectiveCounts counts = ranks.run(1, new InMemoryNetwork(1)::link, PATIENT, (rank, collectives) -> {
                    collectives.allReduceSumAndWait("alone", ByteBuffer.allocateDirect(4 * LONG), DType.F32);
                    return collectives.counts();
                })
                .get(0);
        assertThat(counts.bytesSent() + counts.busBytes() + counts.nanos()).isZero();
    }

    /** The counts of every rank after {@code body}. */
    private List<CollectiveCounts> run(IntFunction<ChunkLink> links, Consumer<Collectives> body) throws Exception {
        return ranks.run(RANKS, links, PATIENT, (rank, collectives) -> {
            body.accept(collectives);
            return collectives.counts();
        });
    }
}
