package tutti.worker.allreduce;

import static tutti.worker.allreduce.FrameLayout.CONTRIBUTION;
import static tutti.worker.allreduce.FrameLayout.RESULT;

import java.nio.ByteBuffer;

/**
 * A sum: part p of the buffer goes to rank p as a contribution and comes back from there as a result, over the same bytes.
 *
 * <p>Why this cannot block itself: results always have room (they go to the buffer), and the contributor that is furthest
 * behind always has room in the window, so its link is never held back; and what a rank sends never waits for what it gets
 * except through that one addition.
 */
final class SumExchange extends Exchange {
    private final int rank;
    private final int ranks;
    private final int elementBytes;
    private final int elements;
    private final ByteBuffer data;
    private final Staging staging;
    private final int windowBytes;
    private final ByteBuffer ownPart;

    private final int[] contributionSent;
    private final int[] contributionReceived;
    private final int[] resultSent;
    private final int[] resultReceived;
    /** Bytes of the own part that hold sums. */
    private int reduced;
    /** Bytes to send, to receive and to add. */
    private long remaining;

    /** {@code data} from 0 to its limit, little-endian. */
    SumExchange(int rank, int ranks, int elementBytes, ByteBuffer data, Staging staging, int windowBytes) {
        this.rank = rank;
        this.ranks = ranks;
        this.elementBytes = elementBytes;
        this.elements = data.limit() / elementBytes;
        this.data = data;
        this.staging = staging;
        this.windowBytes = windowBytes;
        ownPart = data.slice(start(rank), length(rank)).order(FrameLayout.ORDER);
        contributionSent = new int[ranks];
        contributionReceived = new int[ranks];
        resultSent = new int[ranks];
        resultReceived = new int[ranks];
        for (int peer = 0; peer < ranks; peer++) {
            if (peer != rank) {
                remaining += 2L * length(peer) + 2L * length(rank);
            }
        }
        remaining += length(rank);
    }

    private int start(int part) {
        return partStart(elements, elementBytes, part, ranks);
    }

    private int length(int part) {
        return start(part + 1) - start(part);
    }

    @Override
    boolean done() {
        return remaining == 0;
    }

    @Override
    int send(int peer, Wire wire) {
        int sent = 0;
        int ready = reduced - resultSent[peer];
        int full = wire.maxPayload(peer);
        // Full frames until the end: additions advance in small steps when contributions come in small frames.
        if (ready >= full || ready > 0 && reduced == length(rank)) {
            int count = Math.min(ready, full);
            if (wire.send(peer, RESULT, data, start(rank) + resultSent[peer], resultSent[peer], count)) {
                resultSent[peer] += count;
                remaining -= count;
                sent++;
            }
        }
        int open = length(peer) - contributionSent[peer];
        if (open > 0) {
            int count = Math.min(open, full);
            if (wire.send(
                    peer, CONTRIBUTION, data, start(peer) + contributionSent[peer], contributionSent[peer], count)) {
                contributionSent[peer] += count;
                remaining -= count;
                sent++;
            }
        }
        return sent;
    }

    @Override
    Verdict accept(IncomingFrame frame) {
        int count = frame.payloadLength();
        if (count % elementBytes != 0) {
            return Verdict.MALFORMED;
        }
        return switch (frame.kind()) {
            case CONTRIBUTION -> acceptContribution(frame, frame.source(), count);
            case RESULT -> acceptResult(frame, frame.source(), count);
            default -> Verdict.MALFORMED;
        };
    }

    private Verdict acceptContribution(IncomingFrame frame, int peer, int count) {
        int at = contributionReceived[peer];
        Verdict verdict = next(frame, at, length(rank));
        if (verdict == Verdict.TAKEN && at + count - reduced > windowBytes) {
            return Verdict.LATER;
        }
        if (verdict == Verdict.TAKEN) {
            staging.stage(peer, at / elementBytes, frame.payload(), count / elementBytes);
            contributionReceived[peer] += count;
            remaining -= count;
        }
        return verdict;
    }

    private Verdict acceptResult(IncomingFrame frame, int peer, int count) {
        int at = resultReceived[peer];
        Verdict verdict = next(frame, at, length(peer));
        if (verdict == Verdict.TAKEN && at + count > contributionSent[peer]) {
            // A sum of what was never sent; taking it would overwrite values still to be sent.
            return Verdict.MALFORMED;
        }
        if (verdict == Verdict.TAKEN) {
            ByteBuffer payload = frame.payload();
            data.put(start(peer) + at, payload, payload.position(), count);
            resultReceived[peer] += count;
            remaining -= count;
        }
        return verdict;
    }

    @Override
    int advance() {
        int complete = length(rank);
        for (int peer = 0; peer < ranks; peer++) {
            complete = peer == rank ? complete : Math.min(complete, contributionReceived[peer]);
        }
        if (complete == reduced) {
            return 0;
        }
        staging.reduce(rank, ownPart, reduced / elementBytes, complete / elementBytes);
        remaining -= complete - reduced;
        reduced = complete;
        return 1;
    }

    @Override
    long received(int peer, int kind) {
        return kind == CONTRIBUTION ? contributionReceived[peer] : resultReceived[peer];
    }

    @Override
    long expected(int peer, int kind) {
        return length(kind == CONTRIBUTION ? rank : peer);
    }

    @Override
    long sent(int peer, int kind) {
        return kind == CONTRIBUTION ? contributionSent[peer] : resultSent[peer];
    }

    @Override
    long toSend(int peer, int kind) {
        return length(kind == CONTRIBUTION ? peer : rank);
    }
}
