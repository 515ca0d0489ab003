package tutti.coordinator.ledger;

import static tutti.common.error.TuttiException.require;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Driver;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import tutti.common.config.LedgerConfig;

/** The two places of a ledger: H2's file in the output folder, a PostgreSQL server. */
final class Databases {
    private static final String FILE = "ledger";
    /** Committed is written, no file but the one, and little memory. */
    private static final String OPTIONS = ";WRITE_DELAY=0;TRACE_LEVEL_FILE=0;DB_CLOSE_ON_EXIT=FALSE;CACHE_SIZE=1024";

    private static final Duration FOR_A_SERVER = Duration.ofSeconds(30);
    /** For a disk to have room again: memory is the limit. */
    private static final Duration FOR_EVER = Duration.ofSeconds(Long.MAX_VALUE);

    private Databases() {}

    /**
     * @param output an existing folder
     * @param environment PGUSER and PGPASSWORD; the driver itself reads PGPASSFILE and ~/.pgpass
     */
    static Database of(LedgerConfig config, Path output, Map<String, String> environment) {
        return config.embedded() ? embedded(output) : postgresql(config.url(), environment);
    }

    private static Database embedded(Path output) {
        Path file = output.toAbsolutePath().resolve(FILE);
        require(!file.toString().contains(";"), "--output_dir %s: its ledger cannot have a ; in its path", output);
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
        return new Database(url.replaceFirst("\\?.*", ""), true, FOR_A_SERVER, () -> connect(url, properties));
    }

    private static Connection connect(String url, Properties properties) throws SQLException {
        Connection connection = DriverManager.getConnection(url, properties);
        try (Statement statement = connection.createStatement()) {
            // One that is frozen in a transaction would keep its row locked.
            statement.execute("set idle_in_transaction_session_timeout = '5s'");
            return connection;
        } catch (SQLException e) {
            connection.close();
            throw e;
        }
    }
}
