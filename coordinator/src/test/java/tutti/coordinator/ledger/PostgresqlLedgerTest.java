package tutti.coordinator.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import tutti.common.config.LedgerConfig;
import tutti.common.error.TuttiException;

/** A real server, where its programs are on the machine: apt-get install postgresql. */
class PostgresqlLedgerTest extends SharedLedgerContract {
    private static PostgresqlServer server;

    @BeforeAll
    static void start() throws Exception {
        Assumptions.assumeTrue(
                PostgresqlServer.bin().isPresent(), "skipped: no initdb below /usr/lib/postgresql or in the PATH");
        server = PostgresqlServer.start();
    }

    @AfterAll
    static void stop() throws Exception {
        if (server != null) {
            server.end();
        }
    }

    @BeforeEach
    void empty() throws SQLException {
        try (var connection = DriverManager.getConnection(server.url(), server.user(), server.password());
                Statement statement = connection.createStatement()) {
            statement.execute("drop table if exists tutti_event, tutti_tenure");
        }
    }

    @Override
    Database database() {
        return Databases.of(
                new LedgerConfig(server.url()), null, Map.of("PGUSER", server.user(), "PGPASSWORD", server.password()));
    }

    @Test
    void shouldKeepEventsWhileTheServerIsStartedAgain() throws Exception {
        try (EventTable table = open()) {
            add(table, now, "one");
            server.stop();
            add(table, now, "two");
            now = now.plus(Duration.ofSeconds(10));
            table.beat();
            server.run();
            add(table, now, "three");
            assertThat(table.all()).extracting(Event::event).containsExactly("one", "two", "three");
        }
    }

    @Test
    void shouldRefuseAWrongPasswordAtOnceWithoutShowingIt() {
        Database database = Databases.of(
                new LedgerConfig(server.url() + "?ssl=false"),
                null,
                Map.of("PGUSER", server.user(), "PGPASSWORD", "wrong-secret"));
        assertThatThrownBy(() -> EventTable.open(database, RUN, () -> now, Duration.ofHours(1), time -> {
                    throw new AssertionError("nobody waits for a password to become right");
                }))
                .isInstanceOf(TuttiException.class)
                .hasMessageContaining(server.url() + ": ")
                .hasMessageContaining("password authentication failed")
                .hasMessageNotContaining("wrong-secret");
    }
}
