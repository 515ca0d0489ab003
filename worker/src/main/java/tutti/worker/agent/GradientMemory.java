package tutti.worker.agent;

import tutti.worker.allreduce.SharedSegments;
import tutti.worker.allreduce.TreeAllReduce;
import tutti.worker.allreduce.aeron.AeronChannels;
import tutti.worker.tensor.DType;

/**
 * What the all-reduce takes on one worker.
 *
 * @param termBytes of an Aeron log between workers of this node
 * @param stripeBytes of the sums in memory that the workers of this node share; 0 where sums go through Aeron
 * @param staging bytes on the Java heap
 * @param logs bytes of Aeron logs that the worker maps: one that it writes and one that it reads for every peer
 * @param sharedLogs the part of {@code logs} that a worker of the same node maps too
 * @param segments bytes of shared sums that the worker maps, as every worker of the node does
 */
public record GradientMemory(int termBytes, int stripeBytes, long staging, long logs, long sharedLogs, long segments) {
    /** Most payload bytes of one frame. */
    static final int CHUNK_BYTES = 64 << 10;

    /** A stripe of every rank stays in the second cache level while it is added. */
    private static final int STRIPE_BYTES = 128 << 10;

    private static final int LEAST_STRIPE_BYTES = 4 << 10;
    /** The part of shared memory that sums may take. */
    private static final int SHARE = 4;

    /**
     * @param nodeRanks workers of this node
     * @param worldSize workers of the run
     * @param sharedMemory bytes of the file system where logs and segments lie
     * @param gradient dtype of the gradients
     * @param adds whether the backend adds in shared memory
     */
    public static GradientMemory of(int nodeRanks, int worldSize, long sharedMemory, DType gradient, boolean adds) {
        boolean together = adds && nodeRanks == worldSize && worldSize > 1;
        // What is left for the logs are numbers and last words.
        int term = together ? AeronChannels.MIN_TERM_BYTES : AeronChannels.termBytesFor(nodeRanks, sharedMemory);
        int stripe = together ? stripeBytes(worldSize, sharedMemory) : 0;
        long near = 2L * (nodeRanks - 1) * AeronChannels.logBytes(term);
        long far = 2L * (worldSize - nodeRanks) * AeronChannels.logBytes(AeronChannels.TERM_BYTES);
        return new GradientMemory(
                term,
                stripe,
                together ? 0 : TreeAllReduce.stagingBytes(worldSize, CHUNK_BYTES, gradient),
                near + far,
                near,
                together ? worldSize * SharedSegments.bytes(worldSize, stripe) : 0);
    }

    private static int stripeBytes(int worldSize, long sharedMemory) {
        int stripe = STRIPE_BYTES;
        while (stripe > LEAST_STRIPE_BYTES
                && worldSize * SharedSegments.bytes(worldSize, stripe) > sharedMemory / SHARE) {
            stripe /= 2;
        }
        return stripe;
    }

    public long bytes() {
        return staging + logs + segments;
    }

    /** What a node with so many workers counts too often when it adds up {@link #bytes} of each. */
    public long countedTwice(int workers) {
        return workers * sharedLogs / 2 + Math.max(0, workers - 1) * segments;
    }
}
