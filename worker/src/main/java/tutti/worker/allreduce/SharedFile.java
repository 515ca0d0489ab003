package tutti.worker.allreduce;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.function.Consumer;

/** A file in memory (tmpfs) that processes of one user map. */
final class SharedFile {
    private SharedFile() {}

    /**
     * Makes it, zeroed, and gives it its name when {@code fill} has run.
     *
     * @throws IOException if there is no room; then nothing is left
     */
    static MappedByteBuffer make(Path file, long bytes, Consumer<MappedByteBuffer> fill) throws IOException {
        Path fresh = fresh(file);
        try {
            Files.deleteIfExists(fresh);
            Set<StandardOpenOption> options =
                    Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, StandardOpenOption.READ);
            MappedByteBuffer mapped;
            try (FileChannel channel = FileChannel.open(
                    fresh,
                    options,
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
                // Written, not only sized: a page that is not there when memory runs out ends the process.
                write(channel, bytes);
                mapped = channel.map(FileChannel.MapMode.READ_WRITE, 0, bytes);
            }
            fill.accept(mapped);
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            return mapped;
        } catch (IOException e) {
            Files.deleteIfExists(fresh);
            throw e;
        }
    }

    private static void write(FileChannel channel, long bytes) throws IOException {
        ByteBuffer zeros = ByteBuffer.allocateDirect(1 << 16);
        for (long left = bytes; left > 0; left -= zeros.limit()) {
            zeros.clear().limit((int) Math.min(zeros.capacity(), left));
            while (zeros.hasRemaining()) {
                channel.write(zeros);
            }
        }
    }

    /**
     * Maps what another process made.
     *
     * @throws java.nio.file.NoSuchFileException if it has no such name (yet)
     * @throws IOException if it has another length, too
     */
    static MappedByteBuffer open(Path file, long bytes) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            if (channel.size() != bytes) {
                throw new IOException("it has bytes=%d, expected %d; do all workers run the same Tutti?"
                        .formatted(channel.size(), bytes));
            }
            return channel.map(FileChannel.MapMode.READ_WRITE, 0, bytes);
        }
    }

    static void delete(Path file) throws IOException {
        Files.deleteIfExists(file);
        Files.deleteIfExists(fresh(file));
    }

    private static Path fresh(Path file) {
        return file.resolveSibling(file.getFileName() + ".new");
    }
}
