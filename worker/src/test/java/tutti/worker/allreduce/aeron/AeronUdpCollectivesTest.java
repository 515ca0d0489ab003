package tutti.worker.allreduce.aeron;

import java.io.IOException;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import tutti.worker.allreduce.ChunkLink;
import tutti.worker.allreduce.FramedCollectivesContract;

class AeronUdpCollectivesTest extends FramedCollectivesContract {
    private static final int MTU = 8192;
    private static final AtomicInteger WIRES = new AtomicInteger();
    private static EmbeddedDriver driver;
    private static int port;

    @BeforeAll
    static void startDriver() throws IOException {
        driver = new EmbeddedDriver();
        port = EmbeddedDriver.freePort();
    }

    @AfterAll
    static void stopDriver() {
        driver.close();
    }

    @Override
    protected IntFunction<ChunkLink> wire(int ranks, long seed) {
        int generation = WIRES.incrementAndGet();
        List<String> peers = Collections.nCopies(ranks, AeronChannels.udp("127.0.0.1", port, MTU, 256 << 10));
        // Both kinds of subscription, as on a node with peers here and elsewhere.
        List<String> listen = List.of(AeronChannels.LISTEN_IPC, AeronChannels.listenUdp("127.0.0.1", port));
        return rank -> new AeronLink(driver.dir(), generation, rank, listen, peers);
    }

    @Override
    protected int frameBytes() {
        return MTU - 32 - 48;
    }
}
