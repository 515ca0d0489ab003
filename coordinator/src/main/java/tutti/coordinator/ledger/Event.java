package tutti.coordinator.ledger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;

/**
 * A row of the table of events.
 *
 * @param sequence from 1 on in a run, without gaps
 * @param details a JSON object
 */
record Event(long sequence, Instant time, String event, String details) {

    /** The highest sequence of the run; 0: none. */
    static long last(Connection connection, String runId) throws SQLException {
        try (PreparedStatement select =
                connection.prepareStatement("select coalesce(max(sequence), 0) from tutti_event where run_id = ?")) {
            select.setString(1, runId);
            try (ResultSet row = select.executeQuery()) {
                row.next();
                return row.getLong(1);
            }
        }
    }

    /** In their order. */
    static List<Event> all(Connection connection, String runId) throws SQLException {
        try (PreparedStatement select = connection.prepareStatement(
                "select sequence, happened_at, event, details from tutti_event where run_id = ? order by sequence")) {
            select.setString(1, runId);
            List<Event> events = new ArrayList<>();
            try (ResultSet rows = select.executeQuery()) {
                while (rows.next()) {
                    Instant time = rows.getObject(2, OffsetDateTime.class).toInstant();
                    events.add(new Event(rows.getLong(1), time, rows.getString(3), rows.getString(4)));
                }
            }
            return events;
        }
    }

    /** @param term of the tenure under which it happened */
    void insert(Connection connection, String runId, long term) throws SQLException {
        try (PreparedStatement insert = connection.prepareStatement(
                "insert into tutti_event (run_id, sequence, term, happened_at, event, details) values (?, ?, ?, ?, ?, ?)")) {
            insert.setString(1, runId);
            insert.setLong(2, sequence);
            insert.setLong(3, term);
            insert.setObject(4, time.atOffset(ZoneOffset.UTC));
            insert.setString(5, event);
            insert.setString(6, details);
            insert.executeUpdate();
        }
    }
}
