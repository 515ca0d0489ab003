package tutti.coordinator.run;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalLong;
import tutti.common.metrics.StepMetrics;

/**
 * The notice board between the run, which writes, and everybody who shows it. Thread-safe. Listeners hear every notice once,
 * in the order of publication, on the publisher's thread.
 */
public final class StatusBoard {
    /** The most steps that {@link #steps()} returns. */
    public static final int MAX_STEPS = 4_000;

    private final List<Listener> listeners = new ArrayList<>();
    private final StepHistory history = new StepHistory(MAX_STEPS);
    private RunStatus status;
    /** Read without the lock: whoever holds it may be what hangs. */
    private volatile OptionalLong beaten = OptionalLong.empty();

    public StatusBoard(RunStatus first) {
        this.status = Objects.requireNonNull(first, "first");
    }

    /** Told of each notice while the board is locked: return at once, do not wait for another thread, do not throw. */
    public interface Listener {
        void onStatus(RunStatus status);

        void onStep(StepMetrics step);

        /** The run moves, whether it has anything to say or not: every few seconds. */
        default void onBeat() {}
    }

    /** Ends a subscription; no call reaches the listener after {@link #close()} has returned. Closing twice is harmless. */
    public interface Subscription extends AutoCloseable {
        @Override
        void close();
    }

    public synchronized void publish(RunStatus newStatus) {
        status = Objects.requireNonNull(newStatus, "newStatus");
        listeners.forEach(listener -> listener.onStatus(newStatus));
    }

    /**
     * Adds one step. A step number that was published before means that the run went back to a checkpoint: that step and all
     * later ones are replaced.
     */
    public synchronized void publish(StepMetrics step) {
        history.add(Objects.requireNonNull(step, "step"));
        listeners.forEach(listener -> listener.onStep(step));
    }

    /** @param nanos when */
    synchronized void beat(long nanos) {
        beaten = OptionalLong.of(nanos);
        listeners.forEach(Listener::onBeat);
    }

    /**
     * How long the run has stood still, if it ever moved.
     *
     * @param nanos now
     */
    public Duration still(long nanos) {
        OptionalLong last = beaten;
        return Duration.ofNanos(last.isPresent() ? nanos - last.getAsLong() : 0);
    }

    public synchronized RunStatus status() {
        return status;
    }

    /** The steps so far, oldest first, thinned out evenly to at most {@link #MAX_STEPS}; the newest is always the last. */
    public synchronized List<StepMetrics> steps() {
        return history.list();
    }

    /** From now on the listener hears every notice; what was published before is read with the methods above. */
    public synchronized Subscription subscribe(Listener listener) {
        listeners.add(Objects.requireNonNull(listener, "listener"));
        return () -> unsubscribe(listener);
    }

    /** As {@link #subscribe}, with the status of now as the first notice: no later one can come before it. */
    public synchronized Subscription follow(Listener listener) {
        Subscription subscription = subscribe(listener);
        listener.onStatus(status);
        return subscription;
    }

    private synchronized void unsubscribe(Listener listener) {
        listeners.removeIf(one -> one == listener);
    }
}
