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

    private record Beat(String doing, long nanos) {}

    /** @param clock nanoseconds */
    public Progress(LongSupplier clock) {
        this.clock = clock;
        at("waiting for work");
    }

    /** @param doing what begins now, for a person: "backward of step 3" */
    public void at(String doing) {
        last = new Beat(doing, clock.getAsLong());
    }

    public String doing() {
        return last.doing();
    }

    /** Nanoseconds since what it does began, or got on. */
    public long still() {
        return clock.getAsLong() - last.nanos();
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
                at(last.doing());
                listener.ready(part);
            }
        };
    }
}
