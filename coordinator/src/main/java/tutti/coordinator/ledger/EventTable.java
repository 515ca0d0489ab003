package tutti.coordinator.ledger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.common.error.TuttiException;

/**
 * The events of one run, in a table that only grows, and this coordinator's hold on the run. While the database fails, events wait in
 * memory, so many and so long, as lines of a {@link LineFile} do. Used by one thread.
 */
final class EventTable implements AutoCloseable {
    /** A holder that has not moved for so long is dead. */
    static final Duration DEAD_AFTER = Duration.ofSeconds(10);

    private static final Logger LOG = LoggerFactory.getLogger(EventTable.class);
    private static final Duration LOOK_AGAIN = Duration.ofMillis(500);
    private static final int MOST_WAITING = 1000;

    private final Database database;
    private final String runId;
    private final InstantSource clock;
    private final Hold hold;
    private final Queue<Event> waiting = new ArrayDeque<>();
    private long sequence;
    private Optional<Instant> failingSince = Optional.empty();

    /** @param details a JSON object */
    record Event(long sequence, Instant time, String event, String details) {}

    private EventTable(Database database, String runId, InstantSource clock, Hold hold, long sequence) {
        this.database = database;
        this.runId = runId;
        this.clock = clock;
        this.hold = hold;
        this.sequence = sequence;
    }

    /**
     * Takes the run, at once where nobody can have it. Where one may still be alive it is watched for {@link #DEAD_AFTER}.
     *
     * @param database closed with this, and if the run is not taken
     * @param patience how long the database may be away
     * @param pause waits that long
     * @throws TuttiException (environment) if another coordinator has the run, or the database cannot be used
     */
    static EventTable open(
            Database database, String runId, InstantSource clock, Duration patience, Consumer<Duration> pause) {
        try {
            Hold hold = take(database, runId, clock, patience, pause);
            long last = database.transaction(connection -> last(connection, runId));
            return new EventTable(database, runId, clock, hold, last);
        } catch (SQLException e) {
            database.close();
            throw database.broken(e);
        } catch (RuntimeException e) {
            database.close();
            throw e;
        }
    }

    private static Hold take(
            Database database, String runId, InstantSource clock, Duration patience, Consumer<Duration> pause)
            throws SQLException {
        String here = Hold.here();
        Instant began = clock.instant();
        Optional<Hold> seen = Optional.empty();
        Instant seenAt = began;
        while (true) {
            Instant now = clock.instant();
            boolean silent = seen.isPresent() && !now.isBefore(seenAt.plus(DEAD_AFTER));
            Optional<Hold> dead = silent ? seen : Optional.empty();
            try {
                Hold found = database.transaction(connection -> {
                    Optional<Hold> last = Hold.lock(connection, runId);
                    boolean free =
                            !database.shared() || last.map(Hold::released).orElse(true) || last.equals(dead);
                    return free ? Hold.take(connection, runId, last, here, now) : last.orElseThrow();
                });
                if (found.holder().equals(here)) {
                    return found;
                }
                if (seen.isEmpty()) {
                    LOG.info("run {} is held by {}: is it alive?", runId, found.describe());
                    seen = Optional.of(found);
                    seenAt = now;
                } else if (!seen.get().equals(found)) {
                    throw TuttiException.environment(
                            "%s: run %s has a coordinator, %s; stop that one, or let it end",
                            database.name(), runId, found.describe());
                }
            } catch (SQLException e) {
                if (now.isAfter(began.plus(patience))) {
                    throw e;
                }
                LOG.debug("{}: tried again", database.name(), e);
            }
            pause.accept(LOOK_AGAIN);
        }
    }

    private static long last(Connection connection, String runId) throws SQLException {
        try (PreparedStatement select =
                connection.prepareStatement("select coalesce(max(sequence), 0) from tutti_event where run_id = ?")) {
            select.setString(1, runId);
            try (ResultSet row = select.executeQuery()) {
                row.next();
                return row.getLong(1);
            }
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
                database.transaction(connection -> hold.beat(connection, runId));
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
        database.transaction(connection -> {
            hold.require(connection, runId);
            // A commit whose answer was lost: the hold is ours, so what is there is ours.
            if (last(connection, runId) < event.sequence()) {
                insert(connection, event);
            }
            return event;
        });
    }

    private void insert(Connection connection, Event event) throws SQLException {
        try (PreparedStatement insert = connection.prepareStatement(
                "insert into tutti_event (run_id, sequence, term, happened_at, event, details) values (?, ?, ?, ?, ?, ?)")) {
            insert.setString(1, runId);
            insert.setLong(2, event.sequence());
            insert.setLong(3, hold.term());
            insert.setObject(4, event.time().atOffset(ZoneOffset.UTC));
            insert.setString(5, event.event());
            insert.setString(6, event.details());
            insert.executeUpdate();
        }
    }

    /** In the order in which they happened, those of coordinators before this one included. */
    List<Event> all() {
        try {
            return database.transaction(connection -> {
                try (PreparedStatement select = connection.prepareStatement(
                        "select sequence, happened_at, event, details from tutti_event where run_id = ? order by sequence")) {
                    select.setString(1, runId);
                    return read(select);
                }
            });
        } catch (SQLException e) {
            throw database.broken(e);
        }
    }

    private static List<Event> read(PreparedStatement select) throws SQLException {
        List<Event> events = new ArrayList<>();
        try (ResultSet rows = select.executeQuery()) {
            while (rows.next()) {
                Instant time = rows.getObject(2, OffsetDateTime.class).toInstant();
                events.add(new Event(rows.getLong(1), time, rows.getString(3), rows.getString(4)));
            }
        }
        return events;
    }

    long term() {
        return hold.term();
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
            database.transaction(connection -> hold.release(connection, runId));
        } catch (SQLException | TuttiException e) {
            // Everything is written; the next one only waits a little, or has it already.
            LOG.warn("{}: {}", database.name(), e.getMessage());
        }
    }
}
