package tutti.deploy.agent;

import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import java.io.IOException;
import java.nio.file.Path;
import org.agrona.concurrent.BackoffIdleStrategy;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.worker.allreduce.aeron.AeronChannels;

/**
 * Aeron's media driver for all workers of this node. Owns its folder in shared memory, from start to {@link #close}.
 *
 * <p>One thread that backs off when idle: workers outnumber cores on most machines, and a spinning driver would take one away.
 */
final class NodeDriver implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(NodeDriver.class);

    /** Idle threads take turns with those that train: they wake seldom once nothing came for a while. */
    private static final long LONGEST_NAP_NANOS = 4_000_000;

    private static final long EXECUTOR_NAP_NANOS = 32_000_000;

    private final Path folder;
    private MediaDriver driver;

    private NodeDriver(Path folder, MediaDriver driver) {
        this.folder = folder;
        this.driver = driver;
    }

    /** @throws TuttiException (environment) if shared memory is full or not writable */
    static NodeDriver start(Path folder) {
        SocketBuffers sockets = SocketBuffers.probe();
        MediaDriver.Context context = new MediaDriver.Context()
                .aeronDirectoryName(folder.toString())
                .dirDeleteOnStart(true)
                .dirDeleteOnShutdown(true)
                .threadingMode(ThreadingMode.SHARED)
                .sharedIdleStrategy(new BackoffIdleStrategy(10, 20, 1_000, LONGEST_NAP_NANOS))
                .asyncExecutorIdleStrategy(new BackoffIdleStrategy(0, 0, 1_000_000, EXECUTOR_NAP_NANOS))
                .sharedThreadFactory(body -> new Thread(body, "tutti-media-driver"))
                .clientLivenessTimeoutNs(AeronChannels.CLIENT_LIVENESS.toNanos())
                .publicationUnblockTimeoutNs(AeronChannels.PUBLICATION_UNBLOCK.toNanos())
                .driverTimeoutMs(AeronChannels.CLIENT_LIVENESS.toMillis())
                .socketRcvbufLength(sockets.receive())
                .socketSndbufLength(sockets.send())
                .initialWindowLength(sockets.window())
                .warnIfDirectoryExists(false)
                .errorHandler(new DriverErrors(LOG::warn));
        try {
            return new NodeDriver(folder, MediaDriver.launch(context));
        } catch (RuntimeException e) {
            deleteFolder(folder);
            throw new TuttiException(
                    Category.ENVIRONMENT,
                    "%s: the media driver cannot start there: %s; is /dev/shm writable and not full? (df -h /dev/shm)"
                            .formatted(folder, e.getMessage()),
                    e);
        }
    }

    /** Stops the driver and deletes its folder; a second call does nothing. */
    @Override
    public synchronized void close() {
        if (driver == null) {
            return;
        }
        driver.close();
        driver = null;
        deleteFolder(folder);
    }

    private static void deleteFolder(Path folder) {
        try {
            Trees.delete(folder);
        } catch (IOException e) {
            LOG.warn("{}: not deleted: {}", folder, e.toString());
        }
    }
}
