package tutti.worker.allreduce;

import java.nio.ByteBuffer;
import java.util.Arrays;

/** Turns stretches of a buffer into frames of the collective that runs, and remembers how each peer's link answered last. */
final class Wire {
    private final ChunkLink link;
    private final int chunkBytes;
    /** Bytes of a frame around its payload. */
    private final int overhead;

    private final OutgoingFrame frame;
    private final ChunkLink.Offer[] answers;
    private long refusedOffers;

    Wire(ChunkLink link, Group group, int chunkBytes, FrameSeal seal) {
        this.link = link;
        this.chunkBytes = chunkBytes;
        overhead = FrameLayout.HEADER + seal.trailer();
        frame = new OutgoingFrame(group, seal);
        answers = new ChunkLink.Offer[group.worldSize()];
        Arrays.fill(answers, ChunkLink.Offer.NOT_CONNECTED);
    }

    void begin(int sequence, int fingerprint) {
        frame.sequence = sequence;
        frame.fingerprint = fingerprint;
    }

    /** Most payload bytes in one frame to {@code peer}: whole elements of any type. */
    int maxPayload(int peer) {
        return Math.min(chunkBytes, link.maxFrameBytes(peer) - overhead) & -Double.BYTES;
    }

    /** True when the frame is on its way and the bytes have been copied; false: try again. */
    boolean send(int peer, int kind, ByteBuffer source, int index, long streamOffset, int length) {
        return offer(peer, kind, source, index, streamOffset, length, false);
    }

    /**
     * As above, of F32 that the frame carries as BF16.
     *
     * @param source direct
     * @param length in the frame, half of what it is in {@code source}
     */
    boolean sendNarrowed(int peer, int kind, ByteBuffer source, int index, long streamOffset, int length) {
        return offer(peer, kind, source, index, streamOffset, length, true);
    }

    private boolean offer(
            int peer, int kind, ByteBuffer source, int index, long streamOffset, int length, boolean narrows) {
        frame.destination = peer;
        frame.kind = kind;
        frame.offset = streamOffset;
        frame.payload = source;
        frame.payloadIndex = index;
        frame.payloadLength = length;
        frame.narrows = narrows;
        answers[peer] = link.offer(peer, frame.length(), frame);
        refusedOffers += answers[peer] == ChunkLink.Offer.BACK_PRESSURE ? 1 : 0;
        return answers[peer] == ChunkLink.Offer.SENT;
    }

    /** Frames, since the start, that the link had no room for. */
    long refusedOffers() {
        return refusedOffers;
    }

    ChunkLink.Offer lastAnswer(int peer) {
        return answers[peer];
    }
}
