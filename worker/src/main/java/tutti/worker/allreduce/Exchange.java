package tutti.worker.allreduce;

/**
 * One collective while it runs: what is still to be sent to and received from each peer. Knows no queue, no clock and no
 * link; touched by the thread that runs the collective.
 */
abstract class Exchange {

    enum Verdict {
        TAKEN,
        /** Sound, but no room for it yet. */
        LATER,
        DUPLICATE,
        /** Bytes before this frame never came; no link in order loses them and recovers. */
        GAP,
        MALFORMED
    }

    /** Nothing left to send, to receive or to add. */
    abstract boolean done();

    /** Tries to send what is ready for {@code peer}, at most one frame of each kind. Returns frames sent. */
    int send(int peer, Wire wire) {
        return 0;
    }

    /** Copies the payload to where it belongs if the verdict is TAKEN; otherwise changes nothing. */
    Verdict accept(IncomingFrame frame) {
        // Of one that needs no frames: only a peer in another collective sends one, and its fingerprint tells.
        return Verdict.MALFORMED;
    }

    /** Adds what has become complete. Returns how many stretches moved on. */
    abstract int advance();

    /** Bytes of {@code kind} that have come from {@code peer}. */
    abstract long received(int peer, int kind);

    abstract long expected(int peer, int kind);

    abstract long sent(int peer, int kind);

    abstract long toSend(int peer, int kind);

    /** Bytes that have gone to the other ranks, of all kinds. */
    long sent(Group group) {
        long sum = 0;
        for (int peer = 0; peer < group.worldSize(); peer++) {
            if (peer != group.rank()) {
                sum += sent(peer, FrameLayout.CONTRIBUTION) + sent(peer, FrameLayout.RESULT);
            }
        }
        return sum;
    }

    /** Is the payload the next stretch of a stream of {@code expected} bytes of which {@code received} have come? */
    static Verdict next(IncomingFrame frame, int received, int expected) {
        long end = frame.offset() + frame.payloadLength();
        if (end > expected) {
            return Verdict.MALFORMED;
        }
        if (end <= received) {
            return Verdict.DUPLICATE;
        }
        return frame.offset() == received ? Verdict.TAKEN : Verdict.GAP;
    }
}
