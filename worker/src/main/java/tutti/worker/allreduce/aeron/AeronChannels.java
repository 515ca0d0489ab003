package tutti.worker.allreduce.aeron;

import static tutti.common.error.TuttiException.require;

import io.aeron.logbuffer.LogBufferDescriptor;
import java.time.Duration;

/** Channel strings, and the settings of the media driver that {@link AeronLink} counts on. */
public final class AeronChannels {
    /** What a rank listens on for peers of its own node. */
    public static final String LISTEN_IPC = "aeron:ipc";

    /**
     * For the driver's {@code clientLivenessTimeoutNs}: how long a training JVM may be paused or starved before the driver
     * takes it for dead. Loss of a worker is noticed earlier, by the control plane.
     */
    public static final Duration CLIENT_LIVENESS = Duration.ofSeconds(60);

    /** For the driver's {@code publicationUnblockTimeoutNs}, which has to be above the client liveness. */
    public static final Duration PUBLICATION_UNBLOCK = Duration.ofSeconds(75);

    /** Log of 12 MiB per ordered pair of ranks: enough to keep a core busy, small enough for a few ranks. */
    public static final int TERM_BYTES = 4 << 20;

    /** The least that Aeron takes. */
    public static final int MIN_TERM_BYTES = 64 << 10;

    /** For peers on other nodes: eight of the largest datagrams, as Aeron wants. */
    private static final int MIN_UDP_TERM_BYTES = 512 << 10;

    private static final int MAX_MTU = 65504;
    private static final int MIN_MTU = 128;
    private static final int MTU_STEP = 32;
    private static final int TERMS_PER_LOG = 3;
    private static final int PAGE = 4096;

    private AeronChannels() {}

    /**
     * To a rank on the same node. A log of three terms lies on /dev/shm for each ordered pair of ranks.
     *
     * @param termBytes power of two from 64 KiB to 1 GiB
     */
    public static String ipc(int termBytes) {
        checkTerm(termBytes);
        return "aeron:ipc?term-length=" + termBytes + "|mtu=" + Math.min(MAX_MTU, termBytes / 8 & -32);
    }

    /**
     * To a rank on another node, whose listening channel is {@link #listenUdp} of the same host and port.
     *
     * @param mtu as {@link #mtu} gives it
     * @param termBytes power of two from 64 KiB to 1 GiB; three of them per peer on both nodes
     */
    public static String udp(String host, int port, int mtu, int termBytes) {
        checkTerm(termBytes);
        require(
                mtu == mtu(mtu),
                "aeron: mtu=%d is not a multiple of %d from %d to %d",
                mtu,
                MTU_STEP,
                MIN_MTU,
                MAX_MTU);
        require(mtu <= termBytes / 8, "aeron: mtu=%d is above an eighth of term bytes %d", mtu, termBytes);
        return listenUdp(host, port) + "|mtu=" + mtu + "|term-length=" + termBytes;
    }

    /** What Aeron takes of so many UDP payload bytes in one packet: the more it is, the fewer packets there are. */
    public static int mtu(int payload) {
        return Math.max(MIN_MTU, Math.min(MAX_MTU, payload / MTU_STEP * MTU_STEP));
    }

    /** What a rank listens on for peers of other nodes; ranks of one node may share it. */
    public static String listenUdp(String host, int port) {
        return "aeron:udp?endpoint=" + host + ":" + port;
    }

    /** Bytes of the log of one ordered pair of ranks, its metadata included. */
    public static long logBytes(int termBytes) {
        return LogBufferDescriptor.computeLogLength(termBytes, PAGE);
    }

    /**
     * The largest term, at most {@link #TERM_BYTES}, with which all pairs of {@code ranksOnNode} fit into {@code shmBytes};
     * the smallest possible one if none does. A container's default of 64 MB: 4 MiB for two ranks, 1 MiB for four, 256 KiB
     * for eight.
     */
    public static int termBytesFor(int ranksOnNode, long shmBytes) {
        long logs = Math.max(1, (long) ranksOnNode * (ranksOnNode - 1));
        int term = TERM_BYTES;
        while (term > MIN_TERM_BYTES && logs * TERMS_PER_LOG * term > shmBytes) {
            term /= 2;
        }
        return term;
    }

    /**
     * Of a log to a rank on another node. A sender is at most half a term ahead, and what all senders may have on the way to it has to
     * fit into one socket: together no more than the half of {@link #TERM_BYTES} that a single one may, as far as the least term lets
     * it. What does not fit the kernel throws away.
     *
     * @param senders ranks on other nodes than the one that receives
     */
    public static int udpTermBytes(int senders) {
        return Math.max(MIN_UDP_TERM_BYTES, Integer.highestOneBit(TERM_BYTES / Math.max(1, senders)));
    }

    private static void checkTerm(int termBytes) {
        require(
                Integer.bitCount(termBytes) == 1 && termBytes >= MIN_TERM_BYTES && termBytes <= 1 << 30,
                "aeron: term bytes %d is not a power of two from %d to %d",
                termBytes,
                MIN_TERM_BYTES,
                1 << 30);
    }
}
