package tutti.coordinator.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import tutti.common.error.TuttiException;

/** H2 stands in for PostgreSQL; and it can be away. */
class SharedLedgerTest extends SharedLedgerContract {
    private static final String URL =
            "jdbc:h2:mem:ledger;MODE=PostgreSQL;DATABASE_TO_LOWER=TRUE;DEFAULT_NULL_ORDERING=HIGH";

    private Connection keeper;
    private Connection last;
    private boolean away;

    @BeforeEach
    void create() throws SQLException {
        keeper = DriverManager.getConnection(URL);
    }

    /** The last connection takes the database with it. */
    @AfterEach
    void drop() throws SQLException {
        keeper.createStatement().execute("shutdown");
    }

    @Override
    Database database() {
        return new Database("a server", true, Duration.ofSeconds(30), () -> {
            if (away) {
                throw new SQLException("connection refused", "08001");
            }
            last = DriverManager.getConnection(URL);
            return last;
        });
    }

    @Test
    void shouldKeepEventsWhileTheServerIsAwayAndWriteThemWhenItIsBack() throws Exception {
        try (EventTable table = open()) {
            add(table, now, "one");
            goAway();
            add(table, now, "two");
            now = now.plusSeconds(29);
            table.beat();
            add(table, now, "three");
            away = false;
            now = now.plusSeconds(30);
            table.beat();
            assertThat(table.all()).extracting(Event::sequence).containsExactly(1L, 2L, 3L);
            goAway();
            add(table, now, "four");
            now = now.plusSeconds(29);
            table.beat();
            away = false;
        }
    }

    @Test
    void shouldFailWhenTheServerIsAwayForTooLong() throws Exception {
        try (EventTable table = open()) {
            goAway();
            table.beat();
            now = now.plusSeconds(31);
            assertThatThrownBy(table::beat)
                    .isInstanceOf(TuttiException.class)
                    .hasMessageContaining("a server: cannot be written")
                    .hasMessageContaining("connection refused");
            away = false;
        }
    }

    @Test
    void shouldFailWhenMoreWaitsThanMemoryShouldHold() throws Exception {
        EventTable table = open();
        goAway();
        IntStream.rangeClosed(1, 1000).forEach(i -> add(table, now, "event"));
        assertThatThrownBy(() -> add(table, now, "one too many")).isInstanceOf(TuttiException.class);
        assertThatThrownBy(table::close)
                .as("they are lost, and that is said")
                .isInstanceOf(TuttiException.class)
                .hasMessageContaining("cannot be written");
    }

    @Test
    void shouldWriteAnEventOnceThoughTheAnswerToItsCommitWasLost() throws Exception {
        boolean[] answerLost = {false};
        Database database = new Database("a server", true, Duration.ofSeconds(30), () -> {
            Connection real = DriverManager.getConnection(URL);
            return (Connection) java.lang.reflect.Proxy.newProxyInstance(
                    getClass().getClassLoader(), new Class<?>[] {Connection.class}, (proxy, method, arguments) -> {
                        Object result = method.invoke(real, arguments);
                        if (answerLost[0] && method.getName().equals("commit")) {
                            answerLost[0] = false;
                            throw new SQLException("connection reset", "08006");
                        }
                        return result;
                    });
        });
        try (EventTable table = EventTable.open(database, RUN, () -> now, Duration.ZERO, time -> {})) {
            answerLost[0] = true;
            add(table, now, "once");
            add(table, now, "next");
            assertThat(table.all()).extracting(Event::event).containsExactly("once", "next");
        }
    }

    @Test
    void shouldWaitForAServerThatIsAwayNoLongerThanItMay() {
        away = true;
        Duration patience = Duration.ofSeconds(5);
        assertThatThrownBy(() -> EventTable.open(database(), RUN, () -> now, patience, time -> now = now.plus(time)))
                .isInstanceOf(TuttiException.class)
                .hasMessageContaining("is the server there");
        EventTable.open(database(), RUN, () -> now, patience, time -> away = false)
                .close();
    }

    private void goAway() throws SQLException {
        away = true;
        last.close();
    }
}
