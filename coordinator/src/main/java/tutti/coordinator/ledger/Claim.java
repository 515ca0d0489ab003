package tutti.coordinator.ledger;

import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.common.error.TuttiException;

/**
 * Takes a run: at once where nobody can have it. Where one may be alive its row is watched for {@link #DEAD_AFTER}: if
 * that changes, it lives. No clock is compared with that of another host.
 */
final class Claim {
    /** Three beats and a little. */
    static final Duration DEAD_AFTER = Duration.ofSeconds(10);

    private static final Logger LOG = LoggerFactory.getLogger(Claim.class);
    private static final Duration LOOK_AGAIN = Duration.ofMillis(500);

    private final Database database;
    private final String runId;
    private final InstantSource clock;
    private final Consumer<Duration> pause;
    private final String here = Tenure.here();
    /** Of another, and when it was first seen so. */
    private Optional<Tenure> seen = Optional.empty();

    private Instant seenAt;

    /** @param pause waits that long */
    Claim(Database database, String runId, InstantSource clock, Consumer<Duration> pause) {
        this.database = database;
        this.runId = runId;
        this.clock = clock;
        this.pause = pause;
    }

    /**
     * @param patience how long the database may be away
     * @throws TuttiException (environment) if another coordinator has the run
     */
    Tenure take(Duration patience) throws SQLException {
        Instant began = clock.instant();
        while (true) {
            Instant now = clock.instant();
            try {
                Tenure found = takeOrLook(now);
                if (found.holder().equals(here)) {
                    return found;
                }
                watch(found, now);
            } catch (SQLException e) {
                if (now.isAfter(began.plus(patience))) {
                    throw e;
                }
                LOG.debug("{}: tried again", database.name(), e);
            }
            pause.accept(LOOK_AGAIN);
        }
    }

    private Tenure takeOrLook(Instant now) throws SQLException {
        boolean dead = seen.isPresent() && !now.isBefore(seenAt.plus(DEAD_AFTER));
        return database.transaction(connection -> {
            Optional<Tenure> last = Tenure.lock(connection, runId);
            boolean free = !database.shared() || last.map(Tenure::released).orElse(true) || (dead && last.equals(seen));
            return free ? Tenure.take(connection, runId, last, here, now) : last.orElseThrow();
        });
    }

    private void watch(Tenure found, Instant now) {
        if (seen.isEmpty()) {
            LOG.info("run {} is held by {}: is it alive?", runId, found.describe());
            seen = Optional.of(found);
            seenAt = now;
        } else if (!seen.get().equals(found)) {
            throw TuttiException.environment(
                    "%s: run %s has a coordinator, %s; stop that one, or let it end",
                    database.name(), runId, found.describe());
        }
    }
}
