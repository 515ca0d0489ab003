package tutti.coordinator.ledger;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/**
 * Where the ledger lies: a file that one process has to itself, or a PostgreSQL server. One connection, which is closed when a
 * transaction fails and opened anew for the next. Used by one thread.
 */
final class Database implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Database.class);
    private static final int LOCKED_BY_ANOTHER_PROCESS = 90020;
    private static final List<String> DAMAGED = List.of("90030", "90048");

    private static final List<String> TABLES = List.of("""
            create table if not exists tutti_tenure (
                run_id varchar(64) not null primary key,
                holder varchar(400) not null,
                term bigint not null,
                since timestamp with time zone not null,
                beat bigint not null,
                released boolean not null)""", """
            create table if not exists tutti_event (
                run_id varchar(64) not null,
                sequence bigint not null,
                term bigint not null,
                happened_at timestamp with time zone not null,
                event varchar(100) not null,
                details varchar(1000000) not null,
                primary key (run_id, sequence))""");

    private final String name;
    private final boolean shared;
    private final Duration patience;
    private final Opener opener;
    private Connection connection;
    private boolean closed;

    /** A new connection. */
    interface Opener {
        Connection open() throws SQLException;
    }

    /** What is done in one transaction. */
    interface Work<T> {
        T in(Connection connection) throws SQLException;
    }

    /**
     * @param name for messages
     * @param shared whether other processes can use it at the same time
     * @param patience how long it may fail before the run does
     */
    Database(String name, boolean shared, Duration patience, Opener opener) {
        this.name = name;
        this.shared = shared;
        this.patience = patience;
        this.opener = opener;
    }

    String name() {
        return name;
    }

    boolean shared() {
        return shared;
    }

    Duration patience() {
        return patience;
    }

    /**
     * Undone where it throws.
     *
     * @throws SQLException which may pass: a full disk, a server that is away
     * @throws TuttiException (environment) if another process has the file, or what will not pass
     */
    <T> T transaction(Work<T> work) throws SQLException {
        try {
            Connection open = connection();
            T result = work.in(open);
            open.commit();
            return result;
        } catch (SQLException e) {
            disconnect();
            if (e.getErrorCode() == LOCKED_BY_ANOTHER_PROCESS) {
                throw new TuttiException(
                        Category.ENVIRONMENT,
                        "%s: another process has it open; if a coordinator still runs there (`fuser %s` says which), stop it"
                                .formatted(name, name),
                        e);
            }
            if (!mayPass(e)) {
                throw broken(e);
            }
            throw e;
        } catch (RuntimeException e) {
            disconnect();
            throw e;
        }
    }

    /** What is done in a transaction of which nothing comes back. */
    interface Change {
        void in(Connection connection) throws SQLException;
    }

    /** Throws as {@link #transaction} does. */
    void change(Change change) throws SQLException {
        transaction(connection -> {
            change.in(connection);
            return connection;
        });
    }

    private Connection connection() throws SQLException {
        if (closed) {
            throw TuttiException.environment("%s: cannot be written: it is closed", name);
        }
        if (connection == null) {
            connection = opener.open();
            connection.setAutoCommit(false);
            try (Statement statement = connection.createStatement()) {
                for (String table : TABLES) {
                    statement.execute(table);
                }
            }
            connection.commit();
        }
        return connection;
    }

    /** Not what the server or the file answers for good: no such database, no right, a torn file, a statement of ours. */
    private static boolean mayPass(SQLException e) {
        String state = e.getSQLState() == null ? "" : e.getSQLState();
        return !DAMAGED.contains(state) && !state.matches("(22|28|3D|42).*");
    }

    TuttiException broken(SQLException e) {
        String hint = shared
                ? "is the server there, with this database?"
                : DAMAGED.contains(String.valueOf(e.getSQLState()))
                        ? "it is damaged: move it away, no checkpoint needs it"
                        : "disk full?";
        return new TuttiException(
                Category.ENVIRONMENT, "%s: cannot be written (%s): %s".formatted(name, hint, reason(e)), e);
    }

    /** A server says it at once; of a file the file system's word is the clearest. */
    String reason(SQLException e) {
        Throwable cause = e;
        while (!shared && cause.getCause() != null) {
            cause = cause.getCause();
        }
        return cause.getMessage();
    }

    private void disconnect() {
        if (connection == null) {
            return;
        }
        try (Connection old = connection) {
            old.rollback();
        } catch (SQLException e) {
            // It failed before, and the caller knows why.
            LOG.debug("{}: {}", name, e.getMessage());
        }
        connection = null;
    }

    @Override
    public void close() {
        closed = true;
        disconnect();
    }
}
