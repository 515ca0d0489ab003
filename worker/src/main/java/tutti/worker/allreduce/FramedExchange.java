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
 * <p>What frames carry may be narrower than the buffer's elements: then contributions are rounded as they are sent and widened where they
 * are added, and the owner rounds what it adds of its own and the sum, so that what it sends and what it keeps are the same. All that is
 * counted here are bytes of frames.
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
    private final DType wire;
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
    /** Bytes of the own part, as frames carry it, that hold sums. */
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
        this.wire = what.wire();
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
            remaining += what.wireLength(rank);
        } else {
            // Its own values are what it has to give.
            reduced = what.wireLength(rank);
        }
    }

    @Override
    boolean done() {
        return remaining == 0;
    }

    @Override
    int send(int peer, Wire to) {
        int sent = 0;
        int full = to.maxPayload(peer);
        int ready = spreads && route.contributesToMe(peer) ? reduced - resultSent[peer] : 0;
        // Full frames until the end: additions advance in small steps when contributions come in small frames.
        if (ready >= full || ready > 0 && reduced == what.wireLength(rank)) {
            int count = Math.min(ready, full);
            if (send(peer, RESULT, rank, resultSent[peer], count, to)) {
                resultSent[peer] += count;
                remaining -= count;
                sent++;
            }
        }
        int open = (int) toSend(peer, CONTRIBUTION) - contributionSent[peer];
        if (open > 0) {
            int count = Math.min(open, full);
            if (send(peer, CONTRIBUTION, peer, contributionSent[peer], count, to)) {
                contributionSent[peer] += count;
                remaining -= count;
                sent++;
            }
        }
        return sent;
    }

    private boolean send(int peer, int kind, int part, int at, int count, Wire to) {
        int index = what.start(part) + inBuffer(at);
        return what.narrowed()
                ? to.sendNarrowed(peer, kind, data, index, at, count)
                : to.send(peer, kind, data, index, at, count);
    }

    /** Bytes that so many of frames are in the buffer. */
    private int inBuffer(int count) {
        return count / wire.bytes() * dtype.bytes();
    }

    @Override
    Verdict accept(IncomingFrame frame) {
        int count = frame.payloadLength();
        if (count % wire.bytes() != 0) {
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
            lanes.sum(steps, ownLane, addresses, count / wire.bytes(), dtype, wire);
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
        return BufferUtil.address(data) + what.start(rank) + inBuffer(at);
    }

    private Verdict acceptResult(IncomingFrame frame, int peer, int count) {
        int at = resultReceived[peer];
        Verdict verdict = next(frame, at, (int) expected(peer, RESULT));
        if (verdict == Verdict.TAKEN && reduces && at + count > contributionSent[peer]) {
            // A sum of what was never sent; taking it would overwrite values still to be sent.
            return Verdict.MALFORMED;
        }
        if (verdict == Verdict.TAKEN) {
            int start = what.start(peer) + inBuffer(at);
            if (what.narrowed()) {
                frame.widen(BufferUtil.address(data) + start);
            } else {
                ByteBuffer payload = frame.payload();
                data.put(start, payload, payload.position(), count);
            }
            resultReceived[peer] += count;
            remaining -= count;
        }
        return verdict;
    }

    @Override
    int advance() {
        if (reduced == what.wireLength(rank)) {
            return 0;
        }
        int complete = what.wireLength(rank);
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
            lanes.sum(steps, ownLane, addresses, count / wire.bytes(), dtype, wire);
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
                ? reduces && route.contributesToMe(peer) ? what.wireLength(rank) : 0
                : spreads && route.ownsForMe(peer) ? what.wireLength(peer) : 0;
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
                ? reduces && route.ownsForMe(peer) ? what.wireLength(peer) : 0
                : spreads && route.contributesToMe(peer) ? what.wireLength(rank) : 0;
    }
}
