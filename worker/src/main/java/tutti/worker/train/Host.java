package tutti.worker.train;

import java.util.function.LongSupplier;

/**
 * What a trainer is told of the process that it lives in.
 *
 * @param localRank number among the workers of its node, which is the number of its CUDA device
 * @param threads that compute
 * @param clock nanoseconds
 * @param heldBytes what the process holds now; 0 where the system does not tell
 * @param communicationBytes what the collectives hold, for the memory plan
 */
public record Host(int localRank, int threads, LongSupplier clock, LongSupplier heldBytes, long communicationBytes) {}
