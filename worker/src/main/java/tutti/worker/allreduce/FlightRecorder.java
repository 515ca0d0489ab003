package tutti.worker.allreduce;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.LongSupplier;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.worker.tensor.DType;

/**
 * The last {@value #CAPACITY} collectives of one rank in one generation, put into a file when one of them fails. Takes its memory at
 * the start. Any thread may call.
 */
public final class FlightRecorder {
    static final int CAPACITY = 1000;

    private static final Logger LOG = LoggerFactory.getLogger(FlightRecorder.class);

    private enum State {
        QUEUED,
        RUNNING,
        DONE,
        FAILED
    }

    /** A place in the ring, used again and again. {@code thread} is null before it began; nanoseconds are valid as far as it came. */
    private static final class Entry {
        private int sequence = -1;
        private Collective.Kind kind;
        private String name;
        private DType dtype;
        private int bytes;
        private State state;
        private String algorithm;
        private String thread;
        private long started;
        private long began;
        private long ended;
        private String error;
    }

    /**
     * A line of the file, in snake_case; null is what has not happened.
     *
     * @param algorithm class of the {@link Exchange} that carried it; null too if it was empty
     * @param thread that ran it
     * @param startedNanos of the machine's monotonic clock, as the other two: comparable among ranks of a node
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    private record Line(
            int sequence,
            String kind,
            String name,
            String dtype,
            int bytes,
            String state,
            String algorithm,
            String thread,
            String startedAt,
            String beganAt,
            String endedAt,
            Long startedNanos,
            Long beganNanos,
            Long endedNanos,
            String error) {}

    private final Optional<Path> file;
    private final LongSupplier nanoClock;
    private final InstantSource wallClock;
    /** A collective's place is its sequence number modulo the length. */
    private final Entry[] ring = Stream.generate(Entry::new).limit(CAPACITY).toArray(Entry[]::new);

    /**
     * @param file for {@link #write}, which makes its folder and replaces it
     * @param nanoClock that times the collectives
     */
    public FlightRecorder(Path file, LongSupplier nanoClock, InstantSource wallClock) {
        this(Optional.of(file), nanoClock, wallClock);
    }

    /** Writes nothing. */
    public static FlightRecorder withoutFile() {
        return new FlightRecorder(Optional.empty(), System::nanoTime, InstantSource.system());
    }

    private FlightRecorder(Optional<Path> file, LongSupplier nanoClock, InstantSource wallClock) {
        this.file = file;
        this.nanoClock = nanoClock;
        this.wallClock = wallClock;
    }

    synchronized void started(int sequence, Collective what, long nanos) {
        Entry entry = ring[sequence % CAPACITY];
        entry.sequence = sequence;
        entry.kind = what.kind();
        entry.name = what.name();
        entry.dtype = what.dtype();
        entry.bytes = what.bytes();
        entry.state = State.QUEUED;
        entry.algorithm = null;
        entry.thread = null;
        entry.started = nanos;
        entry.error = null;
    }

    /** On the thread that runs it. */
    synchronized void began(int sequence, long nanos) {
        Entry entry = ring[sequence % CAPACITY];
        if (entry.sequence == sequence) {
            entry.state = State.RUNNING;
            entry.thread = Thread.currentThread().getName();
            entry.began = nanos;
        }
    }

    synchronized void carriedBy(int sequence, Exchange exchange) {
        Entry entry = ring[sequence % CAPACITY];
        if (entry.sequence == sequence) {
            entry.algorithm = exchange.getClass().getSimpleName();
        }
    }

    synchronized void ended(int sequence, long nanos) {
        Entry entry = ring[sequence % CAPACITY];
        if (entry.sequence == sequence) {
            entry.state = State.DONE;
            entry.ended = nanos;
        }
    }

    synchronized void failed(int sequence, String error, long nanos) {
        Entry entry = ring[sequence % CAPACITY];
        if (entry.sequence == sequence) {
            entry.state = State.FAILED;
            entry.ended = nanos;
            entry.error = error;
        }
    }

    /**
     * Writes one line for each collective in the order of their numbers, what failed last.
     *
     * @return the file, if there is one and it is whole
     */
    synchronized Optional<Path> write() {
        return file.flatMap(path -> {
            Path partial = path.resolveSibling(path.getFileName() + ".partial");
            try {
                Files.createDirectories(path.toAbsolutePath().getParent());
                Files.write(partial, lines());
                return Optional.of(
                        Files.move(partial, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING));
            } catch (IOException e) {
                // What is about to be reported matters more.
                LOG.warn("{}: the last collectives cannot be written: {}", path, e.toString());
                return Optional.empty();
            }
        });
    }

    private List<String> lines() throws IOException {
        Instant wall = wallClock.instant();
        long now = nanoClock.getAsLong();
        List<Entry> entries = Arrays.stream(ring)
                .filter(entry -> entry.sequence >= 0)
                .sorted(Comparator.comparing((Entry entry) -> entry.state == State.FAILED)
                        .thenComparing(entry -> entry.sequence))
                .toList();
        ObjectMapper json = new ObjectMapper();
        List<String> lines = new ArrayList<>();
        for (Entry entry : entries) {
            lines.add(json.writeValueAsString(line(entry, wall, now)));
        }
        return lines;
    }

    private static Line line(Entry entry, Instant wall, long now) {
        boolean began = entry.thread != null;
        boolean ended = entry.state == State.DONE || entry.state == State.FAILED;
        return new Line(
                entry.sequence,
                entry.kind.word(),
                entry.name,
                entry.dtype.name(),
                entry.bytes,
                entry.state.name().toLowerCase(Locale.ROOT),
                entry.algorithm,
                entry.thread,
                wall.plusNanos(entry.started - now).toString(),
                began ? wall.plusNanos(entry.began - now).toString() : null,
                ended ? wall.plusNanos(entry.ended - now).toString() : null,
                entry.started,
                began ? entry.began : null,
                ended ? entry.ended : null,
                entry.error);
    }
}
