package tutti.worker.agent;

import java.time.Duration;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import tutti.worker.train.Progress;

/** Tells how far a long loading is: here at every call, the coordinator now and then, for it to wait on. Used by one thread. */
final class LoadingReports implements Consumer<String> {
    /** Short loadings tell nothing, long ones do not flood the terminal. */
    static final Duration EVERY = Duration.ofSeconds(20);

    private final Progress progress;
    private final LongSupplier clock;
    private final Consumer<String> coordinator;
    private long told;

    /** @param clock nanoseconds */
    LoadingReports(Progress progress, LongSupplier clock, Consumer<String> coordinator) {
        this.progress = progress;
        this.clock = clock;
        this.coordinator = coordinator;
        this.told = clock.getAsLong();
    }

    @Override
    public void accept(String doing) {
        progress.waits(doing);
        if (clock.getAsLong() - told >= EVERY.toNanos()) {
            told = clock.getAsLong();
            coordinator.accept(doing);
        }
    }
}
