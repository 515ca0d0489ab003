package tutti.worker.allreduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.worker.tensor.DType;

/** Sums where they lie, among sums through rings: the bits of the tree. */
class SymmetricMemoryTest {
    private static final int STRIPE = 1024;
    private static final Duration PATIENT = Duration.ofSeconds(20);
    private static final int GAP = 64;
    private static final int[] SIZES = {40_000, 1, 123_457, 5000, 0, 70_001, 20_001, 2, 3, 10_003};
    /** From here on F32 travels between nodes as BF16. */
    private static final int NARROWED = 6;

    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({"2,1", "3,1", "4,1", "8,1", "4,2", "5,3", "8,2"})
    void shouldLeaveTheBitsOfTheTreeWhereTheyLie(int ranks, int nodes) throws Exception {
        List<List<byte[]>> results = ranks().run(ranks, wire(ranks, nodes), PATIENT, (rank, collectives) -> {
            try (SymmetricMemory memory = collectives.symmetricMemory(2_000_000).orElse(null)) {
                boolean alone = ranks / nodes == 1 && rank == ranks - 1;
                assertThat(memory == null).isEqualTo(alone);
                List<byte[]> sums = sums(rank, collectives, Optional.ofNullable(memory));
                collectives.close();
                return sums;
            }
        });
        for (int i = 0; i < SIZES.length; i++) {
            byte[] expected = wire(i) == dtype(i)
                    ? NaiveSum.expected(i, ranks, SIZES[i], dtype(i))
                    : NaiveSum.expectedNarrowed(i, topology(ranks, nodes).sizes(), SIZES[i]);
            for (int rank = 0; rank < ranks; rank++) {
                assertThat(Arrays.mismatch(results.get(rank).get(i), expected))
                        .as("first byte that differs: rank %d, %d elements of %s", rank, SIZES[i], dtype(i))
                        .isEqualTo(-1);
            }
        }
    }

    private static DType dtype(int i) {
        return new DType[] {DType.F32, DType.BF16, DType.F64}[i % 3];
    }

    private static DType wire(int i) {
        return i >= NARROWED && dtype(i) == DType.F32 ? DType.BF16 : dtype(i);
    }

    /** Every other one as two halves; every third one outside of the memory. */
    private static List<byte[]> sums(int rank, Collectives collectives, Optional<SymmetricMemory> memory) {
        List<ByteBuffer> buffers = new ArrayList<>();
        List<Pending> pending = new ArrayList<>();
        int at = 0;
        for (int i = 0; i < SIZES.length; i++) {
            ByteBuffer data = NaiveSum.values(i, rank, SIZES[i], dtype(i));
            if (i % 3 != 1 && memory.isPresent()) {
                ByteBuffer place = memory.get().buffer().slice(at, data.limit()).order(data.order());
                place.put(0, data, 0, data.limit());
                at += data.limit() + GAP;
                data = place;
            }
            buffers.add(data);
            if (i % 2 == 0) {
                pending.add(collectives.allReduceSum("whole-" + i, data, dtype(i), wire(i)));
            } else {
                Partition parts = Partition.even(SIZES[i], collectives.worldSize(), 64);
                pending.add(collectives.reduceScatterSum("scatter-" + i, data, dtype(i), wire(i), parts));
                pending.add(collectives.allGather("gather-" + i, data, dtype(i), parts));
            }
        }
        pending.forEach(Pending::await);
        return buffers.stream().map(NaiveSum::bytes).toList();
    }

    @Test
    void shouldHaveNoNameOnceAllHaveMappedIt() throws Exception {
        ranks().run(2, wire(2, 1), PATIENT, (rank, collectives) -> {
            try (SymmetricMemory memory = collectives.symmetricMemory(4096).orElseThrow()) {
                collectives.barrier("both have it");
                try (Stream<Path> named = Files.walk(folder)) {
                    assertThat(named.filter(
                                    path -> path.getFileName().toString().startsWith("symmetric")))
                            .isEmpty();
                }
                assertThat(memory.buffer().capacity()).isEqualTo(4096);
                return 0;
            }
        });
    }

    @Test
    void shouldNotBeWhereItIsTooMuch() throws Exception {
        long tooMuch = Files.getFileStore(folder).getTotalSpace();
        ranks().run(2, wire(2, 1), PATIENT, (rank, collectives) -> {
            assertThat(collectives.symmetricMemory(tooMuch)).isEmpty();
            assertThat(collectives.symmetricMemory(Integer.MAX_VALUE + 1L)).isEmpty();
            return 0;
        });
        assertThat(SymmetricMemory.fits(100, 2, 400)).isTrue();
        assertThat(SymmetricMemory.fits(101, 2, 400)).isFalse();
        assertThat(SymmetricMemory.fits(100, 1, 400)).isFalse();
    }

    /** One rank has no room: none of its node shares, the sums go through the rings. */
    @Test
    void shouldNotBeWhereOneRankHasNoRoom() throws Exception {
        Path node = Files.createDirectories(folder.resolve("node-0"));
        String name = "symmetric-%016x-%d-1.new".formatted(Ranks.RUN, Ranks.GENERATION);
        // A folder that is not empty stands where its file would be made.
        Files.createDirectories(node.resolve(name).resolve("in-the-way"));
        ranks().run(2, wire(2, 1), PATIENT, (rank, collectives) -> {
            assertThat(collectives.symmetricMemory(4096)).isEmpty();
            sums(rank, collectives, Optional.empty());
            return 0;
        });
    }

    @Test
    void shouldFindRanksWhoseSumsLieElsewhere() {
        assertThatThrownBy(() -> ranks().run(2, wire(2, 1), PATIENT, (rank, collectives) -> {
                    try (SymmetricMemory memory =
                            collectives.symmetricMemory(200_000).orElseThrow()) {
                        ByteBuffer data = memory.buffer().slice(rank * 64, 100_000);
                        collectives.allReduceSumAndWait("elsewhere", data, DType.F32);
                        return 0;
                    }
                }))
                .hasMessageContaining("runs another collective");
    }

    private static Ranks ranks() {
        return new Ranks(Optional.empty());
    }

    private IntFunction<ChunkLink> wire(int ranks, int nodes) {
        InMemoryNetwork network = new InMemoryNetwork(ranks, 5, 1024, ranks);
        Topology topology = topology(ranks, nodes);
        return rank -> new SharingLink(network.link(rank), folder, STRIPE, topology);
    }

    /** Ranks in equal nodes, but for the last one. */
    private static Topology topology(int ranks, int nodes) {
        int each = Integer.highestOneBit(Math.max(1, (ranks + nodes - 1) / nodes));
        return Topology.of(IntStream.range(0, ranks)
                .mapToObj(rank -> Math.min(rank / each, nodes - 1))
                .toList());
    }
}
