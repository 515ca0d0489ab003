package tutti.worker.allreduce.aeron;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.DatagramSocket;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.worker.allreduce.Group;
import tutti.worker.allreduce.PlainAddition;
import tutti.worker.allreduce.TreeAllReduce;
import tutti.worker.tensor.DType;

class AeronLinkTest {

    @Test
    void shouldSayAtOnceThatNoDriverRuns(@TempDir Path dir) {
        assertThatThrownBy(() -> new AeronLink(dir, 0, 0, List.of(AeronChannels.LISTEN_IPC), List.of("", "")))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.ENVIRONMENT))
                .hasMessageContaining(dir.toString());
    }

    @Test
    void shouldNameTheChannelThatTheDriverRefuses() throws Exception {
        try (EmbeddedDriver driver = new EmbeddedDriver();
                DatagramSocket taken = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
            String listen = AeronChannels.listenUdp("127.0.0.1", taken.getLocalPort());
            assertThatThrownBy(() -> new AeronLink(driver.dir(), 0, 1, List.of(listen), List.of("", "")))
                    .isInstanceOfSatisfying(
                            TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.ENVIRONMENT))
                    .hasMessageContaining("rank 1 could not listen on " + listen);
        }
    }

    /** Ranks 0 and 1 share a node, rank 2 is alone: frames of two sizes meet in one sum. */
    @Test
    void shouldMixIpcAndUdpInOneGroup() throws Exception {
        try (EmbeddedDriver driver = new EmbeddedDriver()) {
            assertThat(retransmits(driver)).hasSize(3);
        }
    }

    @Test
    void shouldSumOverANetworkThatLosesDatagramsAndTellHowOftenItWasAskedAgain() throws Exception {
        try (EmbeddedDriver driver = new EmbeddedDriver(0.05)) {
            assertThat(retransmits(driver))
                    .as("every rank sends over UDP, to rank 2 or from there")
                    .allMatch(requests -> requests > 0);
        }
    }

    /** Sums on three ranks, checks the sums, and returns what each rank counted. */
    private static List<Long> retransmits(EmbeddedDriver driver) throws Exception {
        int elements = 200_000;
        int port = EmbeddedDriver.freePort();
        List<String> listen = List.of(AeronChannels.LISTEN_IPC, AeronChannels.listenUdp("127.0.0.1", port));
        String near = AeronChannels.ipc(1 << 20);
        String far = AeronChannels.udp("127.0.0.1", port, 1408, 256 << 10);
        List<List<String>> peers = List.of(List.of(near, near, far), List.of(near, near, far), List.of(far, far, far));
        List<CompletableFuture<Long>> results = new ArrayList<>();
        for (int rank = 0; rank < 3; rank++) {
            int self = rank;
            results.add(CompletableFuture.supplyAsync(
                    () -> {
                        AeronLink link = new AeronLink(driver.dir(), 1, self, listen, peers.get(self));
                        Group group = new Group(1, 1, self, List.of("a", "a", "b"), Optional.empty());
                        try (TreeAllReduce collectives = new TreeAllReduce(
                                link,
                                group,
                                32 << 10,
                                Duration.ofSeconds(20),
                                System::nanoTime,
                                stall -> {},
                                new PlainAddition())) {
                            ByteBuffer data = ByteBuffer.allocateDirect(elements * Float.BYTES)
                                    .order(ByteOrder.LITTLE_ENDIAN);
                            for (int i = 0; i < elements; i++) {
                                data.putFloat(i * Float.BYTES, (self + 1) * (i % 1000));
                            }
                            collectives.allReduceSum("mixed", data, DType.F32).await();
                            for (int i = 0; i < elements; i++) {
                                assertThat(data.getFloat(i * Float.BYTES)).isEqualTo(6f * (i % 1000));
                            }
                            return collectives.counts().retransmits();
                        }
                    },
                    task -> new Thread(task, "test-rank-" + self).start()));
        }
        List<Long> retransmits = new ArrayList<>();
        for (CompletableFuture<Long> result : results) {
            retransmits.add(result.get(30, TimeUnit.SECONDS));
        }
        return retransmits;
    }

    @Test
    void shouldGiveEveryRankOfEveryGenerationItsOwnPositiveStream() {
        Set<Integer> ids = new HashSet<>();
        for (int generation : new int[] {0, 1, 2, 1000, 400_000}) {
            for (int rank : new int[] {0, 1, 7, 4095}) {
                int id = AeronLink.streamId(generation, rank);
                assertThat(id).isNotNegative();
                assertThat(ids.add(id)).isTrue();
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 4194304", "2, 4194304", "4, 1048576", "8, 262144", "64, 65536"})
    void shouldChooseTermsThatFitIntoAContainersSharedMemory(int ranks, int termBytes) {
        assertThat(AeronChannels.termBytesFor(ranks, 64_000_000)).isEqualTo(termBytes);
    }

    @ParameterizedTest
    @CsvSource({"0, 4194304", "1, 4194304", "2, 2097152", "3, 1048576", "5, 524288", "8, 524288", "100, 524288"})
    void shouldLetAllSendersTogetherHaveOnTheWayWhatOneAloneMay(int senders, int termBytes) {
        assertThat(AeronChannels.udpTermBytes(senders)).isEqualTo(termBytes);
        // The largest datagrams need such a term.
        assertThat(AeronChannels.udp("h", 1, 65504, termBytes)).contains("term-length=" + termBytes);
    }

    @Test
    void shouldRefuseChannelsThatAeronCannotUse() {
        assertThatThrownBy(() -> AeronChannels.ipc(100_000)).hasMessageContaining("100000");
        assertThatThrownBy(() -> AeronChannels.udp("h", 1, 1400, 1 << 20)).hasMessageContaining("mtu=1400");
        assertThatThrownBy(() -> AeronChannels.udp("h", 1, 65504, 64 << 10)).hasMessageContaining("65504");
    }
}
