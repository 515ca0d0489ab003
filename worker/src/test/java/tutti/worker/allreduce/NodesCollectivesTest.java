package tutti.worker.allreduce;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.worker.tensor.DType;

/** Nodes of two ranks each, the last one of what is left: memory inside, a link between. */
class NodesCollectivesTest extends CollectivesContract {
    private static final int STRIPE = 1024;

    @TempDir
    Path folder;

    @Override
    protected IntFunction<ChunkLink> wire(int ranks, long seed) {
        InMemoryNetwork network = new InMemoryNetwork(ranks, 5, 1024, seed);
        Path nodes = newFolder();
        Topology topology = topology(ranks);
        return rank -> new SharingLink(network.link(rank), nodes, STRIPE, topology);
    }

    @Override
    protected int[] groups(int ranks) {
        return topology(ranks).sizes();
    }

    /** Rank 1 and 2 are added after 0 and 1: they cannot be added on their node first, so each sends its own. */
    @Test
    void shouldRoundOnEveryRankWhereANodeIsNoSubtree() throws Exception {
        InMemoryNetwork network = new InMemoryNetwork(3, 5, 1024, 1);
        Topology topology = Topology.of(List.of(0, 1, 1));
        Path nodes = newFolder();
        List<byte[]> results = ranks().run(
                        3,
                        rank -> new SharingLink(network.link(rank), nodes, STRIPE, topology),
                        PATIENT,
                        (rank, collectives) -> {
                            ByteBuffer data = NaiveSum.values(1, rank, 50_001, DType.F32);
                            collectives.allReduceSumAndWait("apart", data, DType.F32, DType.BF16);
                            return NaiveSum.bytes(data);
                        });
        byte[] expected = NaiveSum.expectedNarrowed(1, new int[] {1, 1, 1}, 50_001);
        assertThat(results)
                .allSatisfy(
                        bytes -> assertThat(Arrays.mismatch(bytes, expected)).isEqualTo(-1));
    }

    /** Of two ranks each; eight of them as four, two, one and one. */
    private static Topology topology(int ranks) {
        List<Integer> nodes = ranks == 8
                ? List.of(0, 0, 0, 0, 1, 1, 2, 3)
                : IntStream.range(0, ranks).mapToObj(rank -> rank / 2).toList();
        return Topology.of(nodes);
    }

    private Path newFolder() {
        try {
            return Files.createTempDirectory(folder, "nodes");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
