package tutti.worker.allreduce;

import static tutti.worker.allreduce.FrameLayout.CONTRIBUTION;
import static tutti.worker.allreduce.FrameLayout.RESULT;

import java.nio.ByteBuffer;
import java.util.List;
import org.agrona.BufferUtil;
import tutti.worker.tensor.DType;

/**
 * A collective in frames: part p of the buffer goes to rank p as a contribution (the half that reduces) and comes back from there as
 * a result, over the same bytes (the half that spreads). Both halves run at once, frame by frame.
 *
 * <p>Why this cannot block itself: results always have room (they go to the buffer), and the contributor that is furthest
 * behind always has room in the window, so its link is never held back; and what a rank sends never waits for what it gets
 * except through that one addition.
 */
final class FramedExchange extends Exchange {
    private final Route route;
    private final int rank;
    private final boolean reduces;
    private final boolean spreads;
    private final DType dtype;
    private final int elementBytes;
    private final Collective what;
    private final ByteBuffer data;
    private final Lanes lanes;
    private final Staging staging;
    private final int windowBytes;
    private final List<SumTree.Step> steps;
    private final int ownLane;
    private final long[] addresses;

    private final int[] contributionSent;
    private final int[] contributionReceived;
    private final int[] resultSent;
    private final int[] resultReceived;
    /** Bytes of the own part that hold sums. */
    private int reduced;
    /** Bytes to send, to receive and to add. */
    private long remaining;

    /** @param windowBytes of a ring of {@code staging}; both are used by collectives that reduce only, as {@code lanes} is */
    FramedExchange(Route route, Collective what, Lanes lanes, Staging staging, int windowBytes) {
        this.route = route;
        this.rank = route.rank();
        this.reduces = what.kind().reduces();
        this.spreads = what.kind().spreads();
        this.dtype = what.dtype();
        this.elementBytes = dtype.bytes();
        this.what = what;
        this.data = what.buffer();
        this.lanes = lanes;
        this.staging = staging;
        this.windowBytes = windowBytes;
        this.ownLane = route.laneOf(rank);
        this.steps = reduces ? SumTree.steps(route.sizes(), ownLane) : List.of();
        this.addresses = new long[route.contributors().length];
        int ranks = what.parts().ranks();
        contributionSent = new int[ranks];
        contributionReceived = new int[ranks];
        resultSent = new int[ranks];
        resultReceived = new int[ranks];
        for (int peer = 0; peer < ranks; peer++) {
            remaining += toSend(peer, CONTRIBUTION)
                    + toSend(peer, RESULT)
                    + expected(peer, CONTRIBUTION)
                    + expected(peer, RESULT);
        }
        if (reduces) {
            remaining += what.length(rank);
        } else {
            // Its own values are what it has to give.
            reduced = what.length(rank);
        }
    }

    @Override
    boolean done() {
        return remaining == 0;
    }

    @Override
    int send(int peer, Wire wire) {
        int sent = 0;
        int full = wire.maxPayload(peer);
        int ready = spreads && route.contributesToMe(peer) ? reduced - resultSent[peer] : 0;
        // Full frames until the end: additions advance in small steps when contributions come in small frames.
        if (ready >= full || ready > 0 && reduced == what.length(rank)) {
            int count = Math.min(ready, full);
            if (wire.send(peer, RESULT, data, what.start(rank) + resultSent[peer], resultSent[peer], count)) {
                resultSent[peer] += count;
                remaining -= count;
                sent++;
            }
        }
        int open = (int) toSend(peer, CONTRIBUTION) - contributionSent[peer];
        if (open > 0) {
            int count = Math.min(open, full);
            if (wire.send(
                    peer,
                    CONTRIBUTION,
                    data,
                    what.start(peer) + contributionSent[peer],
                    contributionSent[peer],
                    count)) {
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
        Verdict verdict = next(frame, at, (int) expected(peer, CONTRIBUTION));
        if (verdict != Verdict.TAKEN) {
            return verdict;
        }
        ByteBuffer payload = frame.payload();
        if (addresses.length == 2 && at == reduced && payload.isDirect()) {
            // Nobody else contributes: added where it has arrived.
            addresses[ownLane] = ownAddress(at);
            addresses[1 - ownLane] = BufferUtil.address(payload) + payload.position();
            lanes.sum(steps, ownLane, addresses, count / elementBytes, dtype);
            reduced += count;
            remaining -= count;
        } else if (at + count - reduced > windowBytes) {
            return Verdict.LATER;
        } else {
            staging.stage(route.laneOf(peer), at, payload);
        }
        contributionReceived[peer] += count;
        remaining -= count;
        return verdict;
    }

    private long ownAddress(int at) {
        return BufferUtil.address(data) + what.start(rank) + at;
    }

    private Verdict acceptResult(IncomingFrame frame, int peer, int count) {
        int at = resultReceived[peer];
        Verdict verdict = next(frame, at, (int) expected(peer, RESULT));
        if (verdict == Verdict.TAKEN && reduces && at + count > contributionSent[peer]) {
            // A sum of what was never sent; taking it would overwrite values still to be sent.
            return Verdict.MALFORMED;
        }
        if (verdict == Verdict.TAKEN) {
            ByteBuffer payload = frame.payload();
            data.put(what.start(peer) + at, payload, payload.position(), count);
            resultReceived[peer] += count;
            remaining -= count;
        }
        return verdict;
    }

    @Override
    int advance() {
        if (reduced == what.length(rank)) {
            return 0;
        }
        int complete = what.length(rank);
        for (int peer : route.contributors()) {
            complete = peer == rank ? complete : Math.min(complete, contributionReceived[peer]);
        }
        if (complete == reduced) {
            return 0;
        }
        for (int at = reduced; at < complete; ) {
            int count = Math.min(complete - at, staging.contiguous(at));
            for (int lane = 0; lane < addresses.length; lane++) {
                addresses[lane] = lane == ownLane ? ownAddress(at) : staging.address(lane, at);
            }
            lanes.sum(steps, ownLane, addresses, count / elementBytes, dtype);
            at += count;
        }
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
        if (peer == rank) {
            return 0;
        }
        return kind == CONTRIBUTION
                ? reduces && route.contributesToMe(peer) ? what.length(rank) : 0
                : spreads && route.ownsForMe(peer) ? what.length(peer) : 0;
    }

    @Override
    long sent(int peer, int kind) {
        return kind == CONTRIBUTION ? contributionSent[peer] : resultSent[peer];
    }

    @Override
    long toSend(int peer, int kind) {
        if (peer == rank) {
            return 0;
        }
        return kind == CONTRIBUTION
                ? reduces && route.ownsForMe(peer) ? what.length(peer) : 0
                : spreads && route.contributesToMe(peer) ? what.length(rank) : 0;
    }
}
