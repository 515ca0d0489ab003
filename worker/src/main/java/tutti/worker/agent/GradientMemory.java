package tutti.worker.agent;

import tutti.worker.allreduce.TreeAllReduce;
import tutti.worker.allreduce.aeron.AeronChannels;
import tutti.worker.tensor.DType;

/**
 * What the all-reduce takes on one worker.
 *
 * @param staging bytes on the Java heap
 * @param logs bytes of Aeron logs that the worker maps: one that it writes and one that it reads for every peer
 * @param shared the part of {@code logs} that a worker of the same node maps too
 */
public record GradientMemory(long staging, long logs, long shared) {
    /** Most payload bytes of one frame. */
    static final int CHUNK_BYTES = 64 << 10;

    /**
     * @param nodeRanks workers of this node
     * @param worldSize workers of the run
     * @param sharedMemory bytes of the file system where the logs lie
     * @param gradient dtype of the gradients
     */
    public static GradientMemory of(int nodeRanks, int worldSize, long sharedMemory, DType gradient) {
        long near = 2L * (nodeRanks - 1) * AeronChannels.logBytes(AeronChannels.termBytesFor(nodeRanks, sharedMemory));
        long far = 2L * (worldSize - nodeRanks) * AeronChannels.logBytes(AeronChannels.TERM_BYTES);
        return new GradientMemory(TreeAllReduce.stagingBytes(worldSize, CHUNK_BYTES, gradient), near + far, near);
    }

    public long bytes() {
        return staging + logs;
    }
}
