package tutti.coordinator.ledger;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.HexFormat;
import java.util.Optional;
import tutti.common.error.TuttiException;

/**
 * One coordinator's time with a run: the row of that run says who has it, and its term grows by one with each that takes it. All
 * that the holder writes is written under the lock of this row, so whoever lost it writes nothing any more.
 *
 * @param holder {@code pid 4711 on node-a (1f3c5a7e)}
 * @param beat grows while the holder lives; the row of a dead one does not change
 * @param released by an orderly end
 */
record Tenure(String holder, long term, Instant since, long beat, boolean released) {

    /** This process, and no other use of its number. */
    static String here() {
        String host;
        try {
            host = InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            host = "a host without a name";
        }
        return "pid %d on %s (%s)"
                .formatted(
                        ProcessHandle.current().pid(), host, HexFormat.of().toHexDigits(new SecureRandom().nextInt()));
    }

    /** The row, locked until the end of the transaction; empty: nobody ever had the run. */
    static Optional<Tenure> lock(Connection connection, String runId) throws SQLException {
        try (PreparedStatement select = connection.prepareStatement(
                "select holder, term, since, beat, released from tutti_tenure where run_id = ? for update")) {
            select.setString(1, runId);
            try (ResultSet row = select.executeQuery()) {
                return row.next()
                        ? Optional.of(new Tenure(
                                row.getString(1),
                                row.getLong(2),
                                row.getObject(3, OffsetDateTime.class).toInstant(),
                                row.getLong(4),
                                row.getBoolean(5)))
                        : Optional.empty();
            }
        }
    }

    /** Takes a run that is locked, whoever had it. */
    static Tenure take(Connection connection, String runId, Optional<Tenure> last, String holder, Instant now)
            throws SQLException {
        Tenure taken = new Tenure(holder, last.map(Tenure::term).orElse(0L) + 1, now, 0, false);
        String statement = last.isPresent()
                ? "update tutti_tenure set holder = ?, term = ?, since = ?, beat = 0, released = false where run_id = ?"
                : "insert into tutti_tenure (holder, term, since, beat, released, run_id) values (?, ?, ?, 0, false, ?)";
        try (PreparedStatement write = connection.prepareStatement(statement)) {
            write.setString(1, taken.holder);
            write.setLong(2, taken.term);
            write.setObject(3, now.atOffset(ZoneOffset.UTC));
            write.setString(4, runId);
            write.executeUpdate();
        }
        return taken;
    }

    /** Locks the row. @throws TuttiException (environment) if another has it */
    void require(Connection connection, String runId) throws SQLException {
        Optional<Tenure> now = lock(connection, runId);
        if (now.isEmpty() || now.get().term != term) {
            throw TuttiException.environment(
                    "run %s was taken over by another coordinator%s; this one has to stop",
                    runId, now.map(other -> ", " + other.describe()).orElse(""));
        }
    }

    /** @throws TuttiException (environment) if another has it */
    void beat(Connection connection, String runId) throws SQLException {
        update(connection, runId, "beat = beat + 1");
    }

    /** The next coordinator need not wait. @throws TuttiException (environment) if another has it */
    void release(Connection connection, String runId) throws SQLException {
        update(connection, runId, "released = true");
    }

    private void update(Connection connection, String runId, String change) throws SQLException {
        require(connection, runId);
        try (PreparedStatement update =
                connection.prepareStatement("update tutti_tenure set " + change + " where run_id = ?")) {
            update.setString(1, runId);
            update.executeUpdate();
        }
    }

    String describe() {
        return "%s, since %s".formatted(holder, since);
    }
}
