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

class AeronIpcCollectivesTest extends FramedCollectivesContract {
    private static final int TERM_BYTES = 64 << 10;
    private static final AtomicInteger WIRES = new AtomicInteger();
    private static EmbeddedDriver driver;

    @BeforeAll
    static void startDriver() throws IOException {
        driver = new EmbeddedDriver();
    }

    @AfterAll
    static void stopDriver() {
        driver.close();
    }

    @Override
    protected IntFunction<ChunkLink> wire(int ranks, long seed) {
        int generation = WIRES.incrementAndGet();
        List<String> peers = Collections.nCopies(ranks, AeronChannels.ipc(TERM_BYTES));
        return rank -> new AeronLink(driver.dir(), generation, rank, List.of(AeronChannels.LISTEN_IPC), peers);
    }

    @Override
    protected int frameBytes() {
        // An eighth of the term less Aeron's header and ours.
        return TERM_BYTES / 8 - 32 - 48;
    }
}
