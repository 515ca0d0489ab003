package tutti.worker.allreduce.aeron;

import static org.assertj.core.api.Assertions.assertThat;

import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import io.aeron.driver.ext.DebugSendChannelEndpoint;
import io.aeron.driver.ext.RandomLossGenerator;
import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import org.agrona.concurrent.BackoffIdleStrategy;

/** A media driver of the test's own, in a folder that is gone when it is closed. */
final class EmbeddedDriver implements AutoCloseable {
    private final MediaDriver driver;
    private final Path dir;

    EmbeddedDriver() throws IOException {
        this(0);
    }

    /** @param loss share of the datagrams with data that are thrown away instead of sent */
    EmbeddedDriver(double loss) throws IOException {
        Path shm = Path.of("/dev/shm");
        Path parent = Files.isDirectory(shm) ? shm : Path.of(System.getProperty("java.io.tmpdir"));
        dir = Files.createTempDirectory(parent, "tutti-test-");
        MediaDriver.Context context = new MediaDriver.Context()
                .aeronDirectoryName(dir.toString())
                .dirDeleteOnStart(true)
                .dirDeleteOnShutdown(true)
                .clientLivenessTimeoutNs(AeronChannels.CLIENT_LIVENESS.toNanos())
                .publicationUnblockTimeoutNs(AeronChannels.PUBLICATION_UNBLOCK.toNanos())
                .threadingMode(ThreadingMode.SHARED)
                .sharedIdleStrategy(new BackoffIdleStrategy(20, 20, 1_000, 100_000));
        if (loss > 0) {
            context.sendChannelEndpointSupplier((channel, status, settings) -> new DebugSendChannelEndpoint(
                    channel, status, settings, new RandomLossGenerator(loss, 1), new RandomLossGenerator(0, 1)));
        }
        driver = MediaDriver.launchEmbedded(context);
    }

    Path dir() {
        return dir;
    }

    /** A UDP port that was free a moment ago. */
    static int freePort() throws IOException {
        try (DatagramSocket socket = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    @Override
    public void close() {
        driver.close();
        assertThat(dir).doesNotExist();
    }
}
