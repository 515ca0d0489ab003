package tutti.deploy.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * How long one call takes. Calls are timed in samples long enough for the clock; the median over the samples is the answer.
 *
 * @param clock nanoseconds
 * @param warmupNanos least time of calls that do not count, at least one call
 * @param sampleNanos least time of a sample
 * @param samples number of samples
 */
record Timing(LongSupplier clock, long warmupNanos, long sampleNanos, int samples) {

    /** Seconds of one call. */
    Spread secondsPerCall(Runnable call) {
        long calls = Math.max(1, Math.round((double) sampleNanos / warmUp(call)));
        List<Double> seconds = new ArrayList<>();
        for (int sample = 0; sample < samples; sample++) {
            long start = clock.getAsLong();
            for (long i = 0; i < calls; i++) {
                call.run();
            }
            seconds.add((clock.getAsLong() - start) / 1e9 / calls);
        }
        return Spread.of(seconds);
    }

    /** @return nanoseconds of the quickest call, at least 1: the first ones compile and touch memory */
    private long warmUp(Runnable call) {
        long begin = clock.getAsLong();
        long quickest = Long.MAX_VALUE;
        for (long now = begin; quickest == Long.MAX_VALUE || now - begin < warmupNanos; ) {
            long start = now;
            call.run();
            now = clock.getAsLong();
            quickest = Math.min(quickest, Math.max(1, now - start));
        }
        return quickest;
    }
}
