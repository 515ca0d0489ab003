package tutti.coordinator.simulation;

import akka.actor.AbstractScheduler;
import akka.actor.Cancellable;
import akka.event.LoggingAdapter;
import com.typesafe.config.Config;
import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.concurrent.ThreadFactory;
import scala.concurrent.ExecutionContext;
import scala.concurrent.duration.FiniteDuration;

/** Akka's timers, which run when the test says that their time has come. Akka makes the one of a system and may ask from any thread. */
public final class SteppedScheduler extends AbstractScheduler {
    private final PriorityQueue<Timer> timers = new PriorityQueue<>(
            Comparator.comparingLong((Timer timer) -> timer.at).thenComparingLong(timer -> timer.number));
    private long now;
    private long made;

    private final class Timer implements Cancellable {
        final long number = made++;
        final long interval;
        final Runnable task;
        long at;
        boolean cancelled;

        Timer(long at, long interval, Runnable task) {
            this.at = at;
            this.interval = interval;
            this.task = task;
        }

        @Override
        public boolean cancel() {
            synchronized (SteppedScheduler.this) {
                boolean was = cancelled;
                cancelled = true;
                timers.remove(this);
                return !was;
            }
        }

        @Override
        public boolean isCancelled() {
            return cancelled;
        }
    }

    /** As Akka wants it; nothing of it is needed. */
    public SteppedScheduler(Config config, LoggingAdapter log, ThreadFactory threads) {}

    /** Milliseconds. */
    synchronized long now() {
        return now;
    }

    /** Of the next timer; {@link Long#MAX_VALUE} if there is none. */
    synchronized long next() {
        return timers.isEmpty() ? Long.MAX_VALUE : timers.peek().at;
    }

    /** Runs the next timer if it is due by then; else it is {@code time} now. @return whether one ran */
    boolean advance(long time) {
        Timer due;
        synchronized (this) {
            if (timers.isEmpty() || timers.peek().at > time) {
                now = time;
                return false;
            }
            due = timers.remove();
            now = Math.max(now, due.at);
        }
        due.task.run();
        synchronized (this) {
            if (due.interval > 0 && !due.cancelled) {
                due.at = now + due.interval;
                timers.add(due);
            }
        }
        return true;
    }

    @Override
    @Deprecated
    public synchronized Cancellable schedule(
            FiniteDuration delay, FiniteDuration interval, Runnable task, ExecutionContext executor) {
        Timer timer = new Timer(now + delay.toMillis(), Math.max(1, interval.toMillis()), task);
        timers.add(timer);
        return timer;
    }

    @Override
    public synchronized Cancellable scheduleOnce(FiniteDuration delay, Runnable task, ExecutionContext executor) {
        Timer timer = new Timer(now + delay.toMillis(), 0, task);
        timers.add(timer);
        return timer;
    }

    @Override
    public double maxFrequency() {
        return 1000;
    }
}
