package tutti.common.checkpoint;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/**
 * A folder that appears under its name whole or not at all: files are written into a hidden sibling, forced to the disk, and
 * the sibling is renamed. {@link #close} without a commit throws the sibling away.
 *
 * <p>If the name exists already (a step done again after a roll-back), the old folder is set aside, the new one takes its
 * name, the old one is deleted; a crash between the two renames leaves {@code .NAME.old}, which {@link Checkpoints#sweep}
 * puts back.
 */
public final class CommitDir implements AutoCloseable {
    static final String PARTIAL = ".partial";
    static final String OLD = ".old";

    private static final Logger LOG = LoggerFactory.getLogger(CommitDir.class);

    private final Path partial;
    private final Path target;
    private boolean done;

    private CommitDir(Path partial, Path target) {
        this.partial = partial;
        this.target = target;
    }

    /** Where the files of a folder that is not committed yet lie, for writers in other processes. */
    public static Path partial(Path output, String name) {
        return output.resolve("." + name + PARTIAL);
    }

    /** Makes {@code output/.NAME.partial}, empty; one left by a crash is removed. */
    public static CommitDir begin(Path output, String name) {
        Path partial = partial(output, name);
        try {
            if (!Listing.isFolder(output)) {
                Files.createDirectories(output);
            }
            deleteTree(partial);
            Files.createDirectory(partial);
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, partial + ": cannot be made (rights? disk full?): " + e, e);
        }
        return new CommitDir(partial, output.resolve(name));
    }

    /** Where to write until the commit. */
    public Path path() {
        return partial;
    }

    /**
     * Writes the manifest over all files, then commits.
     *
     * @param known digests taken while writing, by file name, so that large files are not read again
     */
    public Path commit(long step, Map<String, FileDigest> known) {
        Manifest.of(partial, step, known).write(partial);
        return commit();
    }

    /**
     * Forces files and folders to the disk and renames. If that fails, what had the name before has it still.
     *
     * @return the folder under its final name
     */
    public Path commit() {
        if (done) {
            throw TuttiException.bug("%s: committed or closed before", target);
        }
        Path output = partial.getParent();
        Path old = output.resolve("." + target.getFileName() + OLD);
        boolean moving = false;
        try {
            syncTree(partial);
            if (Listing.look(target).isPresent()) {
                deleteTree(old);
                Files.move(target, old, StandardCopyOption.ATOMIC_MOVE);
            }
            moving = true;
            Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
            sync(output);
        } catch (IOException e) {
            putBack(moving, old, e);
            throw new TuttiException(Category.ENVIRONMENT, target + ": cannot be committed (disk full?): " + e, e);
        }
        done = true;
        try {
            deleteTree(old);
        } catch (IOException e) {
            LOG.warn("{}: cannot be removed, the next run does it: {}", old, e.toString());
        }
        return target;
    }

    /**
     * Where that fails too, {@link Checkpoints#sweep} does it when the next run starts.
     *
     * @param moving what has the name, if anything has, is the new folder
     */
    private void putBack(boolean moving, Path old, IOException cause) {
        try {
            if (moving && Listing.look(target).isPresent()) {
                Files.move(target, partial, StandardCopyOption.ATOMIC_MOVE);
            }
            if (Listing.look(old).isPresent() && Listing.look(target).isEmpty()) {
                Files.move(old, target, StandardCopyOption.ATOMIC_MOVE);
            }
        } catch (IOException e) {
            cause.addSuppressed(e);
        }
    }

    @Override
    public void close() {
        if (!done) {
            done = true;
            try {
                deleteTree(partial);
            } catch (IOException e) {
                throw new TuttiException(Category.ENVIRONMENT, partial + ": cannot be removed: " + e, e);
            }
        }
    }

    private static void syncTree(Path root) throws IOException {
        for (Path path : childrenFirst(root)) {
            sync(path);
        }
    }

    /** Forces a file or folder to the disk. Linux opens folders for reading too; forcing one makes the names in it durable. */
    public static void sync(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    static void deleteTree(Path root) throws IOException {
        if (Listing.look(root).isPresent()) {
            for (Path path : childrenFirst(root)) {
                Files.delete(path);
            }
        }
    }

    private static List<Path> childrenFirst(Path root) throws IOException {
        List<Path> paths = new ArrayList<>(Listing.tree(root));
        Collections.reverse(paths);
        return paths;
    }
}
