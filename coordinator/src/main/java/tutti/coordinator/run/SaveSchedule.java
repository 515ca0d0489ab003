package tutti.coordinator.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.common.config.OutputConfig;

/**
 * When a checkpoint is due beyond those that the plan names: by the clock, when somebody asks, when somebody touches {@value
 * #FILE} in the output folder. And that there is one at a time. Steps are counted as completed. Used by the run actor alone.
 */
final class SaveSchedule {
    static final String FILE = "save_now";

    private static final Logger LOG = LoggerFactory.getLogger(SaveSchedule.class);

    private static final long NONE = Long.MAX_VALUE;

    private final Path file;
    private final long intervalNanos;
    private final LongSupplier clock;
    private long lastStep;
    private long lastNanos;
    private boolean inFlight;
    private boolean lastCommitted = true;
    private boolean asked;
    private boolean looks = true;
    /** Steps behind the checkpoint that is to be made again. */
    private long lost = NONE;

    /**
     * @param firstStep completed before the run began: a checkpoint of it is there, or nothing to save
     * @param clock nanoseconds
     */
    SaveSchedule(OutputConfig output, long firstStep, LongSupplier clock) {
        this.file = output.folder().resolve(FILE);
        this.intervalNanos =
                Math.round(output.saveMinutes() * Duration.ofMinutes(1).toNanos());
        this.clock = clock;
        this.lastStep = firstStep;
        this.lastNanos = clock.getAsLong();
    }

    /** As soon as there is something new to save and no other save is in flight. */
    void ask() {
        asked = true;
    }

    /** Once a step. The file is gone when this returns true. */
    boolean askedByFile() {
        if (looks) {
            try {
                return Files.deleteIfExists(file);
            } catch (IOException e) {
                // It would ask again at every step.
                looks = false;
                LOG.warn("{}: cannot be deleted, so it is not looked at any more: {}", file, e.toString());
            }
        }
        return false;
    }

    /** Whether to save after the {@code leased} steps that are handed out so far. */
    boolean dueAfter(long leased) {
        if (leased == lastStep && lost == NONE && lastCommitted) {
            asked = false;
            return false;
        }
        boolean late = intervalNanos > 0 && clock.getAsLong() - lastNanos >= intervalNanos;
        return !inFlight && (asked || late || leased >= lost);
    }

    /** The checkpoint after so many steps came to nothing: it is due where training comes to that step again, or goes on behind it. */
    void again(long step) {
        lost = step;
    }

    boolean dueAgain(long step) {
        return step == lost;
    }

    boolean inFlight() {
        return inFlight;
    }

    /** Whether a checkpoint of this step is there: the last one that ended was it, or the one that the run began from. */
    boolean committed(long step) {
        return lastCommitted && lastStep == step && !inFlight;
    }

    void began(long step) {
        inFlight = true;
        asked = false;
        lost = NONE;
        lastStep = step;
        lastNanos = clock.getAsLong();
    }

    /** @return how long it took */
    Duration ended(boolean committed) {
        inFlight = false;
        lastCommitted = committed;
        return Duration.ofNanos(clock.getAsLong() - lastNanos);
    }
}
