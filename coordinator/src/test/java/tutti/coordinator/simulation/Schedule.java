package tutti.coordinator.simulation;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.SplittableRandom;

/** What happens when, decided by a seed: events of the simulated world and timers of the real actors on one clock, and their trace. */
final class Schedule {
    private static final int LAST = 50;

    private final SplittableRandom random;
    private final SteppedActors actors;
    private final PriorityQueue<Event> events =
            new PriorityQueue<>(Comparator.comparingLong(Event::at).thenComparingLong(Event::number));
    private final List<String> trace = new ArrayList<>();
    private final long start;
    private long made;
    private boolean paused;

    private record Event(long at, long number, Runnable action) {}

    Schedule(long seed, SteppedActors actors) {
        this.random = new SplittableRandom(seed);
        this.actors = actors;
        this.start = actors.timers().now();
    }

    /** Milliseconds since this schedule began. */
    long now() {
        return actors.timers().now() - start;
    }

    /** {@code from} to {@code to}, both included. */
    long between(long from, long to) {
        return random.nextLong(from, to + 1);
    }

    boolean chance(double probability) {
        return random.nextDouble() < probability;
    }

    <T> T oneOf(List<T> choices) {
        return choices.get(random.nextInt(choices.size()));
    }

    void after(long millis, Runnable action) {
        events.add(new Event(now() + millis, made++, action));
    }

    void trace(String what) {
        trace.add(now() + " " + what);
    }

    List<String> traced() {
        return trace;
    }

    /** The end of the trace, for a person. */
    String last() {
        return String.join("\n", trace.subList(Math.max(0, trace.size() - LAST), trace.size()));
    }

    /**
     * The next event or timer, and what the actors make of it: mostly at once, else they pause behind a few messages.
     *
     * @return whether an actor had its turn
     */
    boolean step() {
        long next = events.isEmpty() ? Long.MAX_VALUE : start + events.peek().at();
        if (!actors.timers().advance(Math.min(next, actors.timers().next())) && !events.isEmpty()) {
            events.remove().action().run();
        }
        // Akka has timers of its own, which must not draw from the seed.
        if (paused || actors.idle()) {
            return false;
        }
        paused = chance(0.1);
        long most = paused ? between(0, 3) : Long.MAX_VALUE;
        for (long turns = 0; turns < most && actors.step(random); turns++) {
            continue;
        }
        if (paused) {
            after(between(0, 50), () -> paused = false);
        }
        return true;
    }

    /** Lets the actors end what they have to do. */
    void clear() {
        actors.clear(random);
    }
}
