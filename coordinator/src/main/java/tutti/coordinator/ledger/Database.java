package tutti.coordinator.ledger;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Driver;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.common.config.LedgerConfig;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/**
 * Where the ledger lies: a file that one process has to itself, or a PostgreSQL server. One connection, which is closed when a
 * transaction fails and opened anew for the next. Used by one thread.
 */
final class Database implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Database.class);
    private static final String FILE = "ledger";
    /** Committed is written, no file but the one, and little memory. */
    private static final String OPTIONS =
            ";WRITE_DELAY=0;TRACE_LEVEL_FILE=0;DB_CLOSE_ON_EXIT=FALSE;CACHE_SIZE=1024;AUTO_RECONNECT=FALSE";

    private static final int LOCKED_BY_ANOTHER_PROCESS = 90020;
    private static final Duration FOR_A_SERVER = Duration.ofSeconds(30);
    private static final Duration FOR_EVER = Duration.ofSeconds(Long.MAX_VALUE);

    private static final List<String> TABLES = List.of("""
            create table if not exists tutti_hold (
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

    /** @param environment PGUSER and PGPASSWORD; the driver itself reads PGPASSFILE */
    static Database of(LedgerConfig config, Path output, Map<String, String> environment) {
        return config.embedded() ? embedded(output) : postgresql(config.url(), environment);
    }

    private static Database embedded(Path output) {
        Path file = output.toAbsolutePath().resolve(FILE);
        String url = "jdbc:h2:file:" + file + OPTIONS;
        // The driver itself: the manager would load every other one too.
        Driver driver = new org.h2.Driver();
        return new Database(file + ".mv.db", false, FOR_EVER, () -> driver.connect(url, new Properties()));
    }

    private static Database postgresql(String url, Map<String, String> environment) {
        Properties properties = new Properties();
        properties.put("ApplicationName", "tutti");
        properties.put("connectTimeout", "5");
        properties.put("socketTimeout", "10");
        if (environment.containsKey("PGUSER")) {
            properties.put("user", environment.get("PGUSER"));
        }
        if (environment.containsKey("PGPASSWORD")) {
            properties.put("password", environment.get("PGPASSWORD"));
        }
        return new Database(
                url.replaceFirst("\\?.*", ""), true, FOR_A_SERVER, () -> DriverManager.getConnection(url, properties));
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
        return !state.matches("(22|28|3D|42).*|90030|90048");
    }

    TuttiException broken(SQLException e) {
        return new TuttiException(
                Category.ENVIRONMENT,
                "%s: cannot be written (%s): %s"
                        .formatted(name, shared ? "is the server there, with this database?" : "disk full?", reason(e)),
                e);
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
        try {
            connection.rollback();
            connection.close();
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
