package tutti.deploy.bench;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import tutti.common.config.AllReduceConfig.ReduceDType;
import tutti.worker.allreduce.Collectives;
import tutti.worker.tensor.DType;

/**
 * How long one float32 all-reduce takes, waited for before the next one starts. Like {@link Timing}, but all ranks must make the same
 * number of calls: rank 0 decides by its clock and tells the others.
 *
 * @param reduceDType what travels
 * @param clock nanoseconds
 * @param sampleNanos least time of a sample
 * @param samples number of samples
 */
record AllReduceTiming(
        Collectives collectives, ReduceDType reduceDType, LongSupplier clock, long sampleNanos, int samples) {

    /**
     * On all ranks at once, with as many bytes, before the first measurement: until the just-in-time compilers of ranks and drivers
     * have seen what they will compile.
     *
     * @param nanos at least so long on rank 0's clock
     */
    void warmUp(ByteBuffer data, long nanos) {
        zero(data);
        for (long done = 0; agree(done < nanos); ) {
            done += sample(data, 1);
        }
    }

    /**
     * On all ranks at once, with as many bytes.
     *
     * @param data direct, from position to limit; overwritten
     * @return seconds of one call on this rank's clock
     * @throws tutti.common.error.TuttiException (bug) if a sum is wrong
     */
    Spread secondsPerCall(ByteBuffer data) {
        verify(data);
        zero(data);
        long calls = 1;
        // The warm-up too: the first calls compile, and touch memory.
        while (agree(sample(data, calls) < sampleNanos)) {
            calls *= 2;
        }
        List<Double> seconds = new ArrayList<>();
        for (int i = 0; i < samples; i++) {
            seconds.add(sample(data, calls) / 1e9 / calls);
        }
        // Once more: by now every ring behind the sums has gone round.
        verify(data);
        return Spread.of(seconds);
    }

    /** From a barrier on; the next collective of this class is the one that ends it for all. */
    private long sample(ByteBuffer data, long calls) {
        collectives.barrier("sample");
        long start = clock.getAsLong();
        for (long i = 0; i < calls; i++) {
            collectives.allReduceSumAndWait("timed", data, DType.F32, wire());
        }
        return clock.getAsLong() - start;
    }

    /** What rank 0 says. */
    private boolean agree(boolean mine) {
        return collectives.allGather("go on", new long[] {mine ? 1 : 0})[0][0] == 1;
    }

    private void verify(ByteBuffer data) {
        KnownSum known = new KnownSum(collectives.rank(), collectives.worldSize(), reduceDType);
        known.fill(data);
        collectives.allReduceSumAndWait("verified", data, DType.F32, wire());
        known.check(data);
    }

    private DType wire() {
        return reduceDType == ReduceDType.BFLOAT16 ? DType.BF16 : DType.F32;
    }

    /** Sums of sums would soon be infinite. */
    private static void zero(ByteBuffer data) {
        byte[] zeros = new byte[8192];
        for (ByteBuffer rest = data.duplicate(); rest.hasRemaining(); ) {
            rest.put(zeros, 0, Math.min(zeros.length, rest.remaining()));
        }
    }
}
