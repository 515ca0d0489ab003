package tutti.worker.allreduce;

import static tutti.common.error.TuttiException.environment;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import org.agrona.IoUtil;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Memory that the ranks of one node share: one file a rank, mapped by all of them. A rank fills its own segment and the others read it;
 * the owner of a part may also add in place what others contribute to it. {@link SharedExchange} has the rules: counters that only
 * grow, and rings of stripes.
 *
 * <pre>
 * 0        run and generation, written before the file gets its name
 * 128      {@link Counter#CONTRIBUTED}, 256 {@link Counter#REDUCED}, 384 {@link Counter#TAKEN}: stripes since the start
 * 512      number and fingerprint of the sum that this rank is in
 * 4096     for every part, a ring of {@value #DEPTH} stripes: what this rank contributes
 * behind   a ring of {@value #DEPTH} stripes: the sums of the part that this rank owns
 * </pre>
 *
 * <p>Owned by one TreeAllReduce; all but the constructor is for its communication thread.
 */
public final class SharedSegments implements AutoCloseable {
    /** Stripes of a ring: one is filled and one is emptied while two wait. */
    static final int DEPTH = 4;

    /** Counters of a rank, in cache lines of their own. */
    enum Counter {
        CONTRIBUTED,
        REDUCED,
        TAKEN
    }

    private static final int HEADER = 4096;
    private static final int LINE = 128;
    private static final int TAG = 4 * LINE;

    private final Path folder;
    private final Group group;
    private final int stripeBytes;
    private final Path file;
    private final MappedByteBuffer[] mapped;
    private final UnsafeBuffer[] segments;

    /**
     * Makes this rank's segment. A rank that comes again must come in a new generation: its peers keep the segment that they have mapped.
     *
     * @param folder in memory (tmpfs), private to the user; whoever made it deletes it
     * @param stripeBytes a multiple of 8, the same on all ranks
     * @throws tutti.common.error.TuttiException (environment) if there is no room
     */
    public SharedSegments(Path folder, Group group, int stripeBytes) {
        this.folder = folder;
        this.group = group;
        this.stripeBytes = stripeBytes;
        this.file = path(group.rank());
        this.mapped = new MappedByteBuffer[group.worldSize()];
        this.segments = new UnsafeBuffer[group.worldSize()];
        Path fresh = folder.resolve(file.getFileName() + ".new");
        try {
            Files.deleteIfExists(fresh);
            Set<StandardOpenOption> options =
                    Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, StandardOpenOption.READ);
            try (FileChannel channel = FileChannel.open(
                    fresh,
                    options,
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
                // Written, not only sized: a page that is not there when memory runs out ends the process.
                fill(channel, bytes(group.worldSize(), stripeBytes));
                map(group.rank(), channel);
            }
            UnsafeBuffer own = segments[group.rank()];
            own.putLong(0, group.run());
            own.putLong(8, group.generation());
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            close();
            throw environment(
                    "%s: bytes=%d for sums cannot be had: %s", folder, bytes(group.worldSize(), stripeBytes), e);
        }
    }

    /** Bytes of one rank's segment. */
    public static long bytes(int worldSize, int stripeBytes) {
        return HEADER + (worldSize + 1L) * DEPTH * stripeBytes;
    }

    private static void fill(FileChannel channel, long bytes) throws IOException {
        ByteBuffer zeros = ByteBuffer.allocateDirect(1 << 16);
        for (long left = bytes; left > 0; left -= zeros.limit()) {
            zeros.clear().limit((int) Math.min(zeros.capacity(), left));
            while (zeros.hasRemaining()) {
                channel.write(zeros);
            }
        }
    }

    private Path path(int rank) {
        return folder.resolve("sums-%016x-%d-%d".formatted(group.run(), group.generation(), rank));
    }

    private void map(int rank, FileChannel channel) throws IOException {
        mapped[rank] = channel.map(FileChannel.MapMode.READ_WRITE, 0, bytes(group.worldSize(), stripeBytes));
        segments[rank] = new UnsafeBuffer(mapped[rank]);
    }

    int stripeBytes() {
        return stripeBytes;
    }

    /**
     * Maps the segment of {@code rank} if that is not done yet. False while that rank has not made it.
     *
     * @throws tutti.common.error.TuttiException (environment) if it was made by another version or with other settings
     */
    boolean isThere(int rank) {
        if (segments[rank] != null) {
            return true;
        }
        try (FileChannel channel = FileChannel.open(path(rank), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            if (channel.size() == bytes(group.worldSize(), stripeBytes)) {
                map(rank, channel);
            }
        } catch (NoSuchFileException e) {
            return false;
        } catch (IOException e) {
            throw environment("%s: cannot be mapped: %s", path(rank), e);
        }
        if (segments[rank] == null
                || segments[rank].getLong(0) != group.run()
                || segments[rank].getLong(8) != group.generation()) {
            throw environment(
                    "%s: is not what rank %d of this run shares; do all workers run the same Tutti?", path(rank), rank);
        }
        return true;
    }

    long count(int rank, Counter counter) {
        return segments[rank].getLongVolatile((1 + counter.ordinal()) * LINE);
    }

    /** What this rank wrote before is seen by whoever sees the count. */
    void publish(Counter counter, long count) {
        segments[group.rank()].putLongOrdered((1 + counter.ordinal()) * LINE, count);
    }

    /** Before the first stripe of a sum is published. */
    void tag(int sequence, int fingerprint) {
        segments[group.rank()].putLong(TAG, tagOf(sequence, fingerprint));
    }

    boolean isIn(int rank, int sequence, int fingerprint) {
        return segments[rank].getLong(TAG) == tagOf(sequence, fingerprint);
    }

    private static long tagOf(int sequence, int fingerprint) {
        return (long) sequence << 32 | fingerprint & 0xffffffffL;
    }

    /** The segment that holds what {@code rank} wrote; for it, {@link #contribution} and {@link #sum} are offsets. */
    UnsafeBuffer segment(int rank) {
        return segments[rank];
    }

    int contribution(int part, long stripe) {
        return HEADER + (part * DEPTH + (int) (stripe % DEPTH)) * stripeBytes;
    }

    int sum(long stripe) {
        return contribution(group.worldSize(), stripe);
    }

    /** Unmaps everything and deletes this rank's file; the memory lives until the last rank unmaps it. */
    @Override
    public void close() {
        for (int rank = 0; rank < mapped.length; rank++) {
            segments[rank] = null;
            IoUtil.unmap(mapped[rank]);
            mapped[rank] = null;
        }
        try {
            Files.deleteIfExists(file);
            Files.deleteIfExists(folder.resolve(file.getFileName() + ".new"));
        } catch (IOException e) {
            throw environment("%s: cannot be deleted: %s", file, e);
        }
    }
}
