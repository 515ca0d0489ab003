package tutti.worker.samples;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import tutti.common.checkpoint.Listing;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/**
 * One process makes something of the cache, the others wait. The holder writes into the locked file how far it is, so those who wait can
 * tell slow from stuck. The kernel ends the hold with the process; the file goes with {@link #close}.
 */
final class CacheLock implements AutoCloseable {
    private static final long POLL = TimeUnit.MILLISECONDS.toNanos(100);
    private static final long SAY_EVERY = TimeUnit.SECONDS.toNanos(1);
    private static final int MOST_BYTES = 512;

    private final Path file;
    private final FileChannel channel;
    private final LongSupplier clock;
    private long said;

    private CacheLock(Path file, FileChannel channel, LongSupplier clock) {
        this.file = file;
        this.channel = channel;
        this.clock = clock;
        this.said = clock.getAsLong() - SAY_EVERY;
    }

    /**
     * Waits while another process holds it and gets on.
     *
     * @param patience with a holder that does not get on
     * @param clock nanoseconds
     * @param progress hears what the holder does, when it does something else
     * @throws TuttiException (environment) if the holder stands still for so long, or the file system has no locks
     */
    static CacheLock take(Path file, Duration patience, LongSupplier clock, Consumer<String> progress) {
        String heard = "";
        long since = clock.getAsLong();
        while (true) {
            try {
                Object before = keyOfFile(file);
                FileChannel channel = PrivateFiles.open(file);
                if (isMine(file, channel, before)) {
                    return new CacheLock(file, channel, clock);
                }
                String holder = read(channel);
                channel.close();
                if (!holder.equals(heard)) {
                    heard = holder;
                    since = clock.getAsLong();
                    progress.accept("waiting for " + holder);
                }
            } catch (IOException e) {
                throw new TuttiException(
                        Category.ENVIRONMENT,
                        file + ": cannot be locked (rights? disk full? no locks on this file system?): " + e
                                + "; another --cache_dir may do",
                        e);
            }
            TuttiException.require(
                    clock.getAsLong() - since < patience.toNanos(),
                    Category.ENVIRONMENT,
                    "%s: held by %s, which has not got on for %d s; end that process, or give another --cache_dir",
                    file,
                    heard.isEmpty() ? "another process" : heard,
                    patience.toSeconds());
            // A lock of another process wakes nobody.
            LockSupport.parkNanos(POLL);
            TuttiException.require(
                    !Thread.currentThread().isInterrupted(), Category.PEER, "%s: interrupted while waiting", file);
        }
    }

    /** An earlier holder deletes its file while it holds it: a lock on a deleted file holds nobody off. */
    private static boolean isMine(Path file, FileChannel channel, Object before) throws IOException {
        try {
            if (channel.tryLock() == null) {
                return false;
            }
        } catch (OverlappingFileLockException e) {
            return false;
        }
        // The same before it was opened and now that it is locked: it is the one that was opened.
        return before != null && before.equals(key(file));
    }

    /** Of the file that is there, if need be from now on. */
    private static Object keyOfFile(Path file) throws IOException {
        Object found = key(file);
        if (found == null) {
            PrivateFiles.open(file).close();
            found = key(file);
        }
        return found;
    }

    /** What the file system calls the file of that name; null if there is none. */
    private static Object key(Path file) throws IOException {
        return Listing.look(file).map(found -> found.fileKey()).orElse(null);
    }

    private static String read(FileChannel channel) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(MOST_BYTES);
        channel.read(bytes, 0);
        return new String(bytes.array(), 0, bytes.position(), StandardCharsets.UTF_8);
    }

    /** Tells those who wait, at most once a second. */
    void say(String doing) {
        if (clock.getAsLong() - said < SAY_EVERY) {
            return;
        }
        said = clock.getAsLong();
        byte[] text = "process %d (%s)"
                .formatted(ProcessHandle.current().pid(), doing)
                .getBytes(StandardCharsets.UTF_8);
        try {
            channel.truncate(0);
            channel.write(ByteBuffer.wrap(text, 0, Math.min(MOST_BYTES, text.length)), 0);
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, file + ": cannot be written (disk full?): " + e, e);
        }
    }

    @Override
    public void close() {
        try (channel) {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, file + ": cannot be deleted: " + e, e);
        }
    }
}
