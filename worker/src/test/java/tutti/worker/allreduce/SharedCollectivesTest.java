package tutti.worker.allreduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.worker.tensor.DType;

/** Sums through shared memory, all else over the in-memory link. */
class SharedCollectivesTest extends CollectivesContract {
    private static final int MAX_FRAME = 1024;
    /** Small, so that every ring wraps many times. */
    private static final int STRIPE = 1024;

    @TempDir
    Path folder;

    @AfterEach
    void shouldLeaveNothingBehind() throws IOException {
        try (Stream<Path> left = Files.walk(folder).filter(Files::isRegularFile)) {
            assertThat(left).isEmpty();
        }
    }

    @Override
    protected IntFunction<ChunkLink> wire(int ranks, long seed) {
        InMemoryNetwork network = new InMemoryNetwork(ranks, 5, MAX_FRAME, seed);
        Path segments = newFolder();
        return rank -> new SharingLink(network.link(rank), segments, STRIPE, Topology.even(1, ranks));
    }

    @Override
    protected int[] groups(int ranks) {
        return new int[] {ranks};
    }

    private Path newFolder() {
        try {
            return Files.createTempDirectory(folder, "wire");
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void shouldRefuseASegmentOfAnotherRun() throws IOException {
        Group here = ranks().group(0, 2);
        Group peer = new Group(here.run() + 1, here.generation(), 1, here.hosts(), here.key());
        try (SharedSegments own = new SharedSegments(folder, here, STRIPE);
                SharedSegments other = new SharedSegments(folder, peer, STRIPE)) {
            assertThat(own.isThere(1)).isFalse();
            String name = "sums-%016x-%d-1";
            Files.move(
                    folder.resolve(name.formatted(peer.run(), peer.generation())),
                    folder.resolve(name.formatted(here.run(), here.generation())));
            assertThatThrownBy(() -> own.isThere(1)).hasMessageContaining("is not what rank 1 of this run shares");
            assertThat(other.isThere(1)).isTrue();
            Files.delete(folder.resolve(name.formatted(here.run(), here.generation())));
        }
    }

    @Test
    void shouldSayWhereThereIsNoRoom() {
        Path missing = folder.resolve("missing");
        assertThatThrownBy(() -> new SharedSegments(missing, ranks().group(0, 2), STRIPE))
                .hasMessageContaining(missing.toString())
                .hasMessageContaining("bytes=" + SharedSegments.bytes(2, STRIPE));
    }

    /** The way through memory and the way over the link: one result. */
    @Test
    void shouldGiveTheBitsOfTheLink() throws Exception {
        IntFunction<ChunkLink> plain = new InMemoryNetwork(4, 5, MAX_FRAME, 3)::link;
        List<byte[]> shared = sums(wire(4, 3));
        List<byte[]> framed = sums(plain);
        for (int rank = 0; rank < 4; rank++) {
            assertThat(shared.get(rank)).isEqualTo(framed.get(rank));
        }
    }

    private List<byte[]> sums(IntFunction<ChunkLink> wire) throws Exception {
        return ranks().run(4, wire, Duration.ofSeconds(20), (rank, collectives) -> {
            ByteBuffer data = NaiveSum.values(9, rank, 50_001, DType.F32);
            collectives.allReduceSum("both", data, DType.F32).await();
            return NaiveSum.bytes(data);
        });
    }
}
