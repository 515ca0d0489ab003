package tutti.worker.agent;

import tutti.worker.allreduce.SharedSegments;
import tutti.worker.allreduce.SymmetricMemory;
import tutti.worker.allreduce.Topology;
import tutti.worker.allreduce.TreeAllReduce;
import tutti.worker.allreduce.aeron.AeronChannels;

/**
 * What the all-reduce takes on one worker.
 *
 * @param topology who shares memory with whom
 * @param termBytes of an Aeron log between workers of this node
 * @param stripeBytes of the sums in memory that the workers of this node share; 0 where none do
 * @param staging bytes outside of the Java heap
 * @param logs bytes of Aeron logs that the worker maps: one that it writes and one that it reads for every peer
 * @param sharedLogs the part of {@code logs} that a worker of the same node maps too
 * @param segments bytes of shared sums that the worker maps, as every worker of the node does
 * @param sharing workers of the node whose memory this one reaches, itself included; 1 where none share
 * @param sharedMemory bytes of the file system where logs and segments lie
 */
public record GradientMemory(
        Topology topology,
        int termBytes,
        int stripeBytes,
        long staging,
        long logs,
        long sharedLogs,
        long segments,
        int sharing,
        long sharedMemory) {
    /** Most payload bytes of one frame. */
    public static final int CHUNK_BYTES = 64 << 10;

    /** A stripe of every rank stays in the second cache level while it is added. */
    private static final int STRIPE_BYTES = 128 << 10;

    private static final int LEAST_STRIPE_BYTES = 4 << 10;
    /** The part of shared memory that sums may take. */
    private static final int SHARE = 4;

    /**
     * @param nodes which workers are on one node
     * @param rank of the worker
     * @param sharedMemory bytes of the file system where logs and segments lie
     */
    public static GradientMemory of(Topology nodes, int rank, long sharedMemory) {
        // Where a node cannot add its ranks first, memory of their own would not save a frame.
        return of(nodes, nodes.nested() ? nodes : Topology.apart(nodes.worldSize()), rank, sharedMemory);
    }

    /** As above, with the choice taken: {@code topology} is {@code nodes}, or every rank apart. */
    public static GradientMemory of(Topology nodes, Topology topology, int rank, long sharedMemory) {
        int worldSize = nodes.worldSize();
        int neighbours = nodes.neighbours(rank);
        boolean shares = topology.neighbours(rank) > 1;
        // What is left for the logs are numbers and last words.
        int term = shares ? AeronChannels.MIN_TERM_BYTES : AeronChannels.termBytesFor(neighbours, sharedMemory);
        int stripe = shares ? stripeBytes(neighbours, sharedMemory) : 0;
        long near = 2L * (neighbours - 1) * AeronChannels.logBytes(term);
        long far = farLogs(nodes, rank);
        return new GradientMemory(
                topology,
                term,
                stripe,
                TreeAllReduce.bytes(topology, CHUNK_BYTES),
                near + far,
                near,
                shares ? neighbours * SharedSegments.bytes(neighbours, stripe) : 0,
                shares ? neighbours : 1,
                sharedMemory);
    }

    /** Of one that is read and one that is written for every rank of another node. */
    private static long farLogs(Topology nodes, int rank) {
        int senders = nodes.worldSize() - nodes.neighbours(rank);
        // All but those to ranks of its own node, which as many send to.
        long written = -nodes.neighbours(rank) * udpLogBytes(senders);
        for (int receiver = 0; receiver < nodes.worldSize(); receiver++) {
            written += udpLogBytes(nodes.worldSize() - nodes.neighbours(receiver));
        }
        return written + senders * udpLogBytes(senders);
    }

    private static long udpLogBytes(int senders) {
        return AeronChannels.logBytes(AeronChannels.udpTermBytes(senders));
    }

    private static int stripeBytes(int ranks, long sharedMemory) {
        int stripe = STRIPE_BYTES;
        while (stripe > LEAST_STRIPE_BYTES && ranks * SharedSegments.bytes(ranks, stripe) > sharedMemory / SHARE) {
            stripe /= 2;
        }
        return stripe;
    }

    /** @param gradients bytes that the worker would put where the others of its node reach them; 0 if it cannot */
    public long bytes(long gradients) {
        return staging + logs + segments + reached(gradients);
    }

    /** Bytes of other workers' gradients that this one touches: the part that it adds up. */
    private long reached(long gradients) {
        return SymmetricMemory.fits(gradients, sharing, sharedMemory) ? gradients / sharing * (sharing - 1) : 0;
    }

    /** What a node with so many workers counts too often when it adds up {@link #bytes} of each. */
    public long countedTwice(int workers, long gradients) {
        return workers * sharedLogs / 2 + Math.max(0, workers - 1) * segments + workers * reached(gradients);
    }
}
