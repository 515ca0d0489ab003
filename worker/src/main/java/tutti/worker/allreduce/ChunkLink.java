package tutti.worker.allreduce;

import org.agrona.DirectBuffer;
import org.agrona.MutableDirectBuffer;

/**
 * Moves frames between this rank and its peers without ever blocking.
 *
 * <p>What an implementation owes: frames from one sender arrive whole, at most once and in the order sent (or not at all:
 * the frame's own checksum and offsets find out); frames of different senders may arrive in any order. Memory is bounded: a
 * sender whose frames are not taken sees back pressure, and only that sender.
 *
 * <p>One thread calls offer, poll and retransmits, and closes after its last call.
 */
public interface ChunkLink extends AutoCloseable {

    /** What became of an offer. All but CLOSED are worth another try. */
    enum Offer {
        SENT,
        /** The peer, or the wire to it, has no room at the moment. */
        BACK_PRESSURE,
        /** The peer is not there yet, or not any more. */
        NOT_CONNECTED,
        /** This link cannot send to that peer any more. */
        CLOSED
    }

    /** Fills one frame in place. Called during {@link #offer}, and only when it answers SENT. */
    @FunctionalInterface
    interface FrameWriter {
        void write(MutableDirectBuffer target, int offset, int length);
    }

    /** Looks at one frame; the memory is the link's and valid during the call only. Must not throw. */
    @FunctionalInterface
    interface FrameReader {
        /** False leaves the frame: it and all that follows from this sender are offered again on a later poll. */
        boolean onFrame(DirectBuffer source, int offset, int length);
    }

    /** Largest frame in bytes that can be offered to {@code peer}. */
    int maxFrameBytes(int peer);

    Offer offer(int peer, int length, FrameWriter writer);

    /**
     * Hands waiting frames to {@code reader}.
     *
     * @param limit the most frames to take
     * @return frames taken
     * @throws tutti.common.error.TuttiException ENVIRONMENT when the link itself is broken
     */
    int poll(FrameReader reader, int limit);

    /** How often, since the start, a peer asked this end to send again what had been lost. On the thread that polls. */
    default long retransmits() {
        return 0;
    }

    @Override
    void close();
}
