package tutti.coordinator.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/** What a database that several coordinators reach has to keep: every event in its order, and a run for one of them alone. */
abstract class SharedLedgerContract {
    static final String RUN = "0123456789abcdef";

    private final List<Duration> pauses = new ArrayList<>();
    Instant now = Instant.parse("2026-01-02T03:04:05.678901Z");

    /** A new connection to the one database, which is empty before a test. */
    abstract Database database();

    EventTable open(String run, Consumer<Duration> meanwhile) {
        return EventTable.open(database(), run, () -> now, Duration.ZERO, time -> {
            pauses.add(time);
            now = now.plus(time);
            meanwhile.accept(time);
        });
    }

    EventTable open() {
        return open(RUN, time -> {});
    }

    static void add(EventTable table, Instant time, String event) {
        table.add(time, event, "{\"text\":\"%s: ä 'quoted'\\n🎵\"}".formatted(event));
    }

    @Test
    void shouldReadBackEveryEventInItsOrder() {
        try (EventTable first = open()) {
            add(first, now, "one");
            add(first, now, "two");
        }
        try (EventTable next = open()) {
            add(next, now.plusSeconds(1), "three");
            assertThat(next.all())
                    .containsExactly(
                            new Event(1, now, "one", "{\"text\":\"one: ä 'quoted'\\n🎵\"}"),
                            new Event(2, now, "two", "{\"text\":\"two: ä 'quoted'\\n🎵\"}"),
                            new Event(3, now.plusSeconds(1), "three", "{\"text\":\"three: ä 'quoted'\\n🎵\"}"));
        }
        assertThat(pauses).as("what was released is free").isEmpty();
    }

    @Test
    void shouldRefuseARunWhoseCoordinatorLives() {
        try (EventTable holder = open()) {
            Consumer<Duration> beating = time -> {
                if (pauses.size() % 6 == 0) {
                    holder.beat();
                }
            };
            assertThatThrownBy(() -> open(RUN, beating))
                    .isInstanceOfSatisfying(
                            TuttiException.class,
                            refusal -> assertThat(refusal.category()).isEqualTo(Category.ENVIRONMENT))
                    .hasMessageContaining("run " + RUN + " has a coordinator, pid "
                            + ProcessHandle.current().pid() + " on ")
                    .hasMessageContaining("since 2026-01-02T03:04:05.678901Z");
            add(holder, now, "goes on");
            assertThat(holder.all()).hasSize(1);
        }
    }

    @Test
    void shouldTakeTheRunOfADeadOneAndRefuseWhatThatOneStillWants() {
        EventTable stale = open();
        add(stale, now, "before");
        try (EventTable next = open()) {
            assertThat(pauses.stream().reduce(Duration.ZERO, Duration::plus)).isEqualTo(Claim.DEAD_AFTER);
            assertThat(next.term()).isEqualTo(stale.term() + 1);
            assertThatThrownBy(() -> add(stale, now, "too late"))
                    .isInstanceOf(TuttiException.class)
                    .hasMessageContaining("was taken over by another coordinator, pid ");
            assertThatThrownBy(stale::beat).isInstanceOf(TuttiException.class).hasMessageContaining("taken over");
            add(next, now, "after");
            next.beat();
            assertThat(next.all()).extracting(Event::event).containsExactly("before", "after");
        }
        // What it could not write is lost, and said.
        assertThatThrownBy(stale::close).isInstanceOf(TuttiException.class).hasMessageContaining("taken over");
        try (EventTable third = open()) {
            assertThat(third.term()).as("a stale one releases nothing").isEqualTo(stale.term() + 2);
        }
    }

    @Test
    void shouldKeepRunsApart() {
        try (EventTable one = open("aaaa", time -> {});
                EventTable other = open("bbbb", time -> {})) {
            add(one, now, "mine");
            add(other, now, "yours");
            add(one, now, "mine too");
            assertThat(one.all()).extracting(Event::event).containsExactly("mine", "mine too");
            assertThat(other.all()).extracting(Event::event).containsExactly("yours");
        }
    }
}
