package tutti.coordinator.ledger;

import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.common.error.TuttiException;

/**
 * The events of one run, in a table that only grows, and this coordinator's tenure of the run. While the database fails, events wait in
 * memory, so many and so long, as lines of a {@link LineFile} do. Used by one thread.
 */
final class EventTable implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(EventTable.class);
    private static final int MOST_WAITING = 1000;

    private final Database database;
    private final String runId;
    private final InstantSource clock;
    private final Tenure tenure;
    private final Queue<Event> waiting = new ArrayDeque<>();
    private long sequence;
    private Optional<Instant> failingSince = Optional.empty();

    private EventTable(Database database, String runId, InstantSource clock, Tenure tenure, long sequence) {
        this.database = database;
        this.runId = runId;
        this.clock = clock;
        this.tenure = tenure;
        this.sequence = sequence;
    }

    /**
     * Takes the run; see {@link Claim}.
     *
     * @param database closed with this, and if the run is not taken
     * @param patience how long the database may be away
     * @param pause waits that long
     * @throws TuttiException (environment) if another coordinator has the run, or the database cannot be used
     */
    static EventTable open(
            Database database, String runId, InstantSource clock, Duration patience, Consumer<Duration> pause) {
        try {
            Tenure tenure = new Claim(database, runId, clock, pause).take(patience);
            long last = database.transaction(connection -> Event.last(connection, runId));
            return new EventTable(database, runId, clock, tenure, last);
        } catch (SQLException e) {
            database.close();
            throw database.broken(e);
        } catch (RuntimeException e) {
            database.close();
            throw e;
        }
    }

    /**
     * Committed when this returns, unless the database fails just now.
     *
     * @throws TuttiException (environment) if another coordinator has the run, or more waits, or longer, than it may
     */
    void add(Instant time, String event, String details) {
        sequence++;
        waiting.add(new Event(sequence, time, event, details));
        attempt(this::writeWaiting);
    }

    /** To be called every few seconds: shows others that this coordinator lives, and writes what waits. Throws as {@link #add} does. */
    void beat() {
        attempt(() -> {
            if (database.shared()) {
                database.change(connection -> tenure.beat(connection, runId));
            }
            writeWaiting();
        });
    }

    private interface Attempt {
        void run() throws SQLException;
    }

    private void attempt(Attempt attempt) {
        try {
            attempt.run();
            failingSince.ifPresent(since -> LOG.info("{}: takes events again", database.name()));
            failingSince = Optional.empty();
        } catch (SQLException e) {
            Instant now = clock.instant();
            if (failingSince.isEmpty()) {
                LOG.warn("{}: events wait in memory: {}", database.name(), database.reason(e));
                failingSince = Optional.of(now);
            }
            boolean tooLong = Duration.between(failingSince.get(), now).compareTo(database.patience()) > 0;
            if (tooLong || waiting.size() > MOST_WAITING) {
                throw database.broken(e);
            }
        }
    }

    private void writeWaiting() throws SQLException {
        for (Event event = waiting.peek(); event != null; event = waiting.peek()) {
            write(event);
            waiting.remove();
        }
    }

    private void write(Event event) throws SQLException {
        database.change(connection -> {
            tenure.require(connection, runId);
            // A commit whose answer was lost: the tenure is ours, so what is there is ours.
            if (Event.last(connection, runId) < event.sequence()) {
                event.insert(connection, runId, tenure.term());
            }
        });
    }

    /** In the order in which they happened, those of coordinators before this one included. */
    List<Event> all() {
        try {
            return database.transaction(connection -> Event.all(connection, runId));
        } catch (SQLException e) {
            throw database.broken(e);
        }
    }

    long term() {
        return tenure.term();
    }

    /** @throws TuttiException (environment) if events are lost */
    @Override
    public void close() {
        try (database) {
            writeWaiting();
            release();
        } catch (SQLException e) {
            throw database.broken(e);
        }
    }

    private void release() {
        if (!database.shared()) {
            return;
        }
        try {
            database.change(connection -> tenure.release(connection, runId));
        } catch (SQLException | TuttiException e) {
            // Everything is written; the next one only waits a little, or has it already.
            LOG.warn("{}: {}", database.name(), e.getMessage());
        }
    }
}
