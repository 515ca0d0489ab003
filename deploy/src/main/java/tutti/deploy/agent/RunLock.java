package tutti.deploy.agent;

import static tutti.common.error.TuttiException.user;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.common.error.TuttiException;

/**
 * One run's hold on its output folder: a locked file in it, with the agent's process id. The kernel ends the hold with the
 * process; the file itself goes with {@link #close}.
 */
final class RunLock implements AutoCloseable {
    static final String FILE = ".lock";

    private static final Logger LOG = LoggerFactory.getLogger(RunLock.class);

    private final Path file;
    private final FileChannel channel;
    private final List<Path> made;

    private RunLock(Path file, FileChannel channel, List<Path> made) {
        this.file = file;
        this.channel = channel;
        this.made = made;
    }

    /**
     * Makes the folder if there is none.
     *
     * @throws TuttiException (user) if another run holds it
     */
    static RunLock take(Path folder) throws IOException {
        List<Path> made = new ArrayList<>();
        for (Path one = folder.toAbsolutePath(); one != null && !Files.exists(one); one = one.getParent()) {
            made.add(one);
        }
        Files.createDirectories(folder);
        Path file = folder.resolve(FILE);
        while (true) {
            FileChannel channel = FileChannel.open(
                    file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
            try {
                Object opened = key(file);
                if (!isFree(channel)) {
                    throw user("--output_dir %s: another run is using it%s", folder, holder(channel));
                }
                // An earlier holder deletes its file while it holds it: a lock on a deleted file holds nobody off.
                if (opened != null && opened.equals(key(file))) {
                    channel.truncate(0);
                    channel.write(ByteBuffer.wrap(pid().getBytes(StandardCharsets.US_ASCII)), 0);
                    return new RunLock(file, channel, made);
                }
            } catch (IOException | RuntimeException e) {
                channel.close();
                throw e;
            }
            channel.close();
        }
    }

    /** Deletes the file while it is locked, and the folders that were made for it if nothing else came into them. */
    @Override
    public void close() {
        try (channel) {
            Files.deleteIfExists(file);
            for (Path folder : made) {
                // False for one that is not empty.
                if (!folder.toFile().delete()) {
                    break;
                }
            }
        } catch (IOException e) {
            LOG.warn("{}: not deleted: {}", file, e.toString());
        }
    }

    private static boolean isFree(FileChannel channel) {
        try {
            // Held until the channel is closed.
            FileLock lock = channel.tryLock();
            return lock != null;
        } catch (OverlappingFileLockException e) {
            return false;
        } catch (IOException e) {
            LOG.warn("this file system has no locks: {}", e.toString());
            return true;
        }
    }

    private static String holder(FileChannel channel) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(32);
        channel.read(bytes, 0);
        String text = new String(bytes.array(), 0, bytes.position(), StandardCharsets.US_ASCII);
        return text.matches("\\d+") ? " (its agent has pid " + text + ")" : "";
    }

    private static String pid() {
        return Long.toString(ProcessHandle.current().pid());
    }

    /** What the file system calls the file of that name; null if there is none. */
    private static Object key(Path file) throws IOException {
        try {
            return Files.readAttributes(file, BasicFileAttributes.class).fileKey();
        } catch (NoSuchFileException e) {
            return null;
        }
    }
}
