package tutti.worker.allreduce;

import static tutti.worker.allreduce.FrameLayout.CONTRIBUTION;

import java.nio.ByteBuffer;

/** A gather: W slots of equal length in one buffer; every rank sends its own slot to each other. One hop, no addition. */
final class GatherExchange extends Exchange {
    private final int rank;
    private final int slot;
    private final ByteBuffer slots;
    private final int[] sent;
    private final int[] received;
    private long remaining;

    /** {@code slots} is W times the slot, the slot of this rank filled; heap or direct. */
    GatherExchange(int rank, int ranks, ByteBuffer slots) {
        this.rank = rank;
        this.slots = slots;
        slot = slots.limit() / ranks;
        sent = new int[ranks];
        received = new int[ranks];
        remaining = 2L * (ranks - 1) * slot;
    }

    @Override
    boolean done() {
        return remaining == 0;
    }

    @Override
    int send(int peer, Wire wire) {
        int count = Math.min(slot - sent[peer], wire.maxPayload(peer));
        if (count == 0 || !wire.send(peer, CONTRIBUTION, slots, rank * slot + sent[peer], sent[peer], count)) {
            return 0;
        }
        sent[peer] += count;
        remaining -= count;
        return 1;
    }

    @Override
    Verdict accept(IncomingFrame frame) {
        int peer = frame.source();
        int count = frame.payloadLength();
        Verdict verdict = frame.kind() == CONTRIBUTION ? next(frame, received[peer], slot) : Verdict.MALFORMED;
        if (verdict == Verdict.TAKEN) {
            ByteBuffer payload = frame.payload();
            slots.put(peer * slot + received[peer], payload, payload.position(), count);
            received[peer] += count;
            remaining -= count;
        }
        return verdict;
    }

    @Override
    int advance() {
        // Every frame is already where it belongs.
        return 0;
    }

    @Override
    long received(int peer, int kind) {
        return kind == CONTRIBUTION ? received[peer] : 0;
    }

    @Override
    long expected(int peer, int kind) {
        return kind == CONTRIBUTION ? slot : 0;
    }

    @Override
    long sent(int peer, int kind) {
        return kind == CONTRIBUTION ? sent[peer] : 0;
    }

    @Override
    long toSend(int peer, int kind) {
        return expected(peer, kind);
    }
}
