package tutti.worker.allreduce;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;

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
