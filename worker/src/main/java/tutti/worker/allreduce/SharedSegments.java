package tutti.worker.allreduce;

import static tutti.common.error.TuttiException.environment;

import java.io.IOException;
import java.nio.MappedByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.agrona.DirectBuffer;
import org.agrona.IoUtil;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Memory that the ranks of one node share: one file a rank, mapped by all of them. A rank fills its own segment and the others read it;
 * the owner of a part may also add in place what others contribute to it. {@link SharedExchange} and {@link
 * SharedGather} have the rules: counters that only grow, rings of stripes, and slots.
 *
 * <pre>
 * 0        run and generation, written before the file gets its name
 * 128      {@link Counter#CONTRIBUTED}, 256 {@link Counter#REDUCED}, 384 {@link Counter#TAKEN}: stripes since the start
 * 512      {@link Counter#GATHERED}: gathers since the start; 640 {@link Counter#MAPPED}
 * 768      the collective that this rank came into last: number and fingerprint
 * 896      tags of the last two collectives in stripes and of the last two gathers: number and fingerprint
 * 4096     two slots of {@value #SLOT_BYTES} bytes: what this rank gives to a gather
 * behind   for every part, a ring of {@value #DEPTH} stripes: what this rank contributes
 * behind   a ring of {@value #DEPTH} stripes: the sums of the part that this rank owns
 * </pre>
 *
 * <p>Owned by one TreeAllReduce; all but the constructor is for the thread that runs a collective.
 */
public final class SharedSegments implements AutoCloseable {
    /** Stripes of a ring: one is filled and one is emptied while two wait. */
    static final int DEPTH = 4;

    /** Counters of a rank, in cache lines of their own. */
    enum Counter {
        CONTRIBUTED,
        REDUCED,
        TAKEN,
        GATHERED,
        /** 1 when this rank has mapped all segments. */
        MAPPED
    }

    /**
     * The place of one collective among all that go through these segments. A rank is at most one ahead of another, so tags of two
     * are kept.
     */
    record Turn(long number, long firstStripe, int tagAt, long tag) {}

    private static final int HEADER = 4096;
    private static final int LINE = 128;
    private static final int LATEST = 6 * LINE;
    private static final int TAGS = 7 * LINE;
    private static final int KEPT = 2;
    private static final int GATHER_TAGS = TAGS + KEPT * Long.BYTES;
    /** Most bytes that a rank gives to a gather. */
    static final int SLOT_BYTES = 16 << 10;

    private static final int RINGS = HEADER + KEPT * SLOT_BYTES;

    private final Path folder;
    private final Group group;
    private final int stripeBytes;
    private final Path file;
    private final MappedByteBuffer[] mapped;
    private final UnsafeBuffer[] segments;
    /** So far: collectives in stripes, their stripes, and gathers. */
    private long turns;

    private long stripes;
    private long gathers;
    private boolean met;

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
        this.file = path("sums", group.rank());
        this.mapped = new MappedByteBuffer[group.worldSize()];
        this.segments = new UnsafeBuffer[group.worldSize()];
        long bytes = bytes(group.worldSize(), stripeBytes);
        try {
            map(group.rank(), SharedFile.make(file, bytes, this::head));
        } catch (IOException e) {
            close();
            throw environment("%s: bytes=%d for sums cannot be had: %s", folder, bytes, e);
        }
    }

    private void head(MappedByteBuffer fresh) {
        UnsafeBuffer own = new UnsafeBuffer(fresh);
        own.putLong(0, group.run());
        own.putLong(8, group.generation());
    }

    /** Bytes of one rank's segment. */
    public static long bytes(int worldSize, int stripeBytes) {
        return RINGS + (worldSize + 1L) * DEPTH * stripeBytes;
    }

    private Path path(String what, int rank) {
        return folder.resolve("%s-%016x-%d-%d".formatted(what, group.run(), group.generation(), rank));
    }

    private void map(int rank, MappedByteBuffer segment) {
        mapped[rank] = segment;
        segments[rank] = new UnsafeBuffer(segment);
    }

    /** Bytes of the file system where this lies; 0 if it does not tell. */
    private long room() {
        try {
            return Files.getFileStore(folder).getTotalSpace();
        } catch (IOException e) {
            return 0;
        }
    }

    /** What this rank gives to {@link SymmetricMemory}; empty if it does not fit. */
    Optional<SymmetricMemory> symmetricMemory(long bytes) {
        if (!SymmetricMemory.fits(bytes, segments.length, room())) {
            return Optional.empty();
        }
        Path[] files = new Path[segments.length];
        Arrays.setAll(files, rank -> path("symmetric", rank));
        return SymmetricMemory.make(files, group.rank(), bytes);
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
        Path theirs = path("sums", rank);
        try {
            map(rank, SharedFile.open(theirs, bytes(group.worldSize(), stripeBytes)));
        } catch (NoSuchFileException e) {
            return false;
        } catch (IOException e) {
            throw environment("%s: cannot be mapped: %s", theirs, e);
        }
        if (segments[rank].getLong(0) != group.run() || segments[rank].getLong(8) != group.generation()) {
            throw environment(
                    "%s: is not what rank %d of this run shares; do all workers run the same Tutti?", theirs, rank);
        }
        return true;
    }

    /** All ranks have mapped all segments: from here on one may leave, and what it gave last can still be read. */
    boolean haveMet() {
        if (met) {
            return true;
        }
        for (int rank = 0; rank < segments.length; rank++) {
            if (!isThere(rank)) {
                return false;
            }
        }
        publish(Counter.MAPPED, 1);
        for (int rank = 0; rank < segments.length; rank++) {
            if (count(rank, Counter.MAPPED) == 0) {
                return false;
            }
        }
        met = true;
        return true;
    }

    long count(int rank, Counter counter) {
        return segments[rank].getLongVolatile((1 + counter.ordinal()) * LINE);
    }

    /** What this rank wrote before is seen by whoever sees the count. */
    void publish(Counter counter, long count) {
        segments[group.rank()].putLongOrdered((1 + counter.ordinal()) * LINE, count);
    }

    /**
     * Enters the next collective in stripes.
     *
     * @param place where its data lies in {@link SymmetricMemory}, if all ranks have it there; else -1
     */
    Turn nextTurn(long count, PendingCollective pending, long place) {
        Turn turn = new Turn(turns, stripes, TAGS + (int) (turns % KEPT) * Long.BYTES, tagOf(pending, place));
        enter(turn);
        turns++;
        stripes += count;
        return turn;
    }

    /** Enters the next gather and gives it these bytes. */
    Turn nextGather(PendingCollective pending, DirectBuffer source, int from, int count) {
        Turn turn = new Turn(gathers, 0, GATHER_TAGS + (int) (gathers % KEPT) * Long.BYTES, tagOf(pending, -1));
        UnsafeBuffer own = segments[group.rank()];
        own.putBytes(slot(turn), source, from, count);
        enter(turn);
        gathers++;
        publish(Counter.GATHERED, gathers);
        return turn;
    }

    private void enter(Turn turn) {
        UnsafeBuffer own = segments[group.rank()];
        own.putLong(turn.tagAt(), turn.tag());
        own.putLongOrdered(LATEST, turn.tag());
    }

    /**
     * For a rank that waits.
     *
     * @throws tutti.common.error.TuttiException (bug) if another one runs a different collective as the same number
     */
    void requireSame(PendingCollective pending, Turn turn) {
        long own = turn.tag();
        for (int rank = 0; rank < segments.length; rank++) {
            long latest = segments[rank] == null ? own : segments[rank].getLongVolatile(LATEST);
            if (latest != own && latest >>> Integer.SIZE == own >>> Integer.SIZE) {
                throw pending.divergedFrom(group.describe(rank));
            }
        }
    }

    boolean hasGathered(int rank, Turn turn) {
        return count(rank, Counter.GATHERED) > turn.number();
    }

    int slot(Turn turn) {
        return HEADER + (int) (turn.number() % KEPT) * SLOT_BYTES;
    }

    boolean isIn(int rank, Turn turn) {
        return segments[rank].getLong(turn.tagAt()) == turn.tag();
    }

    private static long tagOf(PendingCollective pending, long place) {
        int what = pending.fingerprint() ^ Long.hashCode(place + 1);
        // From 1: a segment that is new says 0.
        return pending.sequence + 1L << Integer.SIZE | what & 0xffffffffL;
    }

    /** The segment that holds what {@code rank} wrote; for it, {@link #contribution} and {@link #sum} are offsets. */
    UnsafeBuffer segment(int rank) {
        return segments[rank];
    }

    int contribution(int part, long stripe) {
        return RINGS + (part * DEPTH + (int) (stripe % DEPTH)) * stripeBytes;
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
            SharedFile.delete(file);
        } catch (IOException e) {
            throw environment("%s: cannot be deleted: %s", file, e);
        }
    }
}
