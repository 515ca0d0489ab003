package tutti.worker.train;

import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.LongUnaryOperator;

/**
 * What a trainer is told of the process that it lives in.
 *
 * @param localRank number among the workers of its node, which is the number of its CUDA device
 * @param threads that compute
 * @param clock nanoseconds
 * @param progress hears what the trainer does
 * @param loading hears how far a long loading is, for those who wait for it
 * @param heldBytes what the process holds now; 0 where the system does not tell
 * @param communication what the collectives hold, for the memory plan: of the bytes of gradients that lie in the host's memory
 */
public record Host(
        int localRank,
        int threads,
        LongSupplier clock,
        Progress progress,
        Consumer<String> loading,
        LongSupplier heldBytes,
        LongUnaryOperator communication) {}
