package tutti.worker.train;

import java.util.function.LongSupplier;
import tutti.worker.model.GradientListener;

/**
 * What the training thread does, and since when: its heart beats where it gets on, not where its process lives. Written by that thread,
 * read by any.
 */
public final class Progress {
    private final LongSupplier clock;
    private volatile Beat last;

    private record Beat(String doing, long nanos, boolean computes) {}

    /** @param clock nanoseconds */
    public Progress(LongSupplier clock) {
        this.clock = clock;
        waits("waiting for work");
    }

    /** @param doing what is computed from now on, for a person: "backward of step 3" */
    public void at(String doing) {
        last = new Beat(doing, clock.getAsLong(), true);
    }

    /** @param doing what another thread, another process or a disk has to bring to its end */
    public void waits(String doing) {
        last = new Beat(doing, clock.getAsLong(), false);
    }

    /** What it does got on. */
    void gotOn() {
        Beat before = last;
        last = new Beat(before.doing(), clock.getAsLong(), before.computes());
    }

    public String doing() {
        return last.doing();
    }

    /** Nanoseconds since what it does began, or got on. */
    public long still() {
        return clock.getAsLong() - last.nanos();
    }

    /** Nanoseconds for which a computation has stood still; 0 where it waits. */
    public long stuck() {
        Beat now = last;
        return now.computes() ? clock.getAsLong() - now.nanos() : 0;
    }

    /** Beats with each part of a backward, and hands it on. */
    GradientListener beats(GradientListener listener) {
        return new GradientListener() {
            @Override
            public void begins(int part) {
                listener.begins(part);
            }

            @Override
            public void ready(int part) {
                gotOn();
                listener.ready(part);
            }
        };
    }
}
