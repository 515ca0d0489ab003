package tutti.worker.allreduce;

import static tutti.worker.allreduce.FrameLayout.CONTRIBUTION;

import java.util.List;
import org.agrona.concurrent.UnsafeBuffer;
import tutti.worker.allreduce.SharedSegments.Counter;
import tutti.worker.tensor.DType;

/**
 * A collective between ranks that share memory. As in {@link FramedExchange} every rank owns a part and adds what all contribute to it,
 * in the order of {@link SumTree}; but nothing is framed, checked or staged: a contribution is copied once, added where it lies, and
 * the sum copied once by every other rank.
 *
 * <p>Parts go in stripes. Stripes are counted from the start of the run, so that counters never go back and a fast rank may be in
 * the next collective while a slow one copies the last stripes of this one. Stripe g takes the place of stripe g - DEPTH in its
 * ring: a rank contributes it when all owners have added the old one, and an owner publishes its sum when all ranks have copied the
 * old one. A collective that only reduces, or only spreads, moves all counters too and leaves out the copies.
 */
final class SharedExchange extends Exchange {
    private final SharedSegments shared;
    private final Group group;
    private final PendingCollective pending;
    private final Lanes lanes;
    private final int rank;
    private final int ranks;
    private final boolean reduces;
    private final boolean spreads;
    private final DType dtype;
    private final Collective what;
    private final UnsafeBuffer data;
    private final int stripeBytes;
    private final List<SumTree.Step> steps;
    private final long[] addresses;
    private final SharedSegments.Turn turn;
    /** Number of the first stripe of this sum, and of the first one behind it. */
    private final long first;

    private final long end;
    private final boolean[] agreed;
    private long contributed;
    private long reduced;
    private long taken;

    /**
     * @param group of the ranks that share the memory
     * @param what all of {@code pending} or one half of a piece of it, its parts among the ranks of the group
     */
    SharedExchange(SharedSegments shared, Group group, PendingCollective pending, Collective what, Lanes lanes) {
        this.shared = shared;
        this.group = group;
        this.pending = pending;
        this.lanes = lanes;
        this.rank = group.rank();
        this.ranks = group.worldSize();
        this.reduces = what.kind().reduces();
        this.spreads = what.kind().spreads();
        this.dtype = what.dtype();
        this.what = what;
        this.data = new UnsafeBuffer(what.buffer(), 0, what.bytes());
        this.stripeBytes = shared.stripeBytes();
        this.steps = reduces ? SumTree.steps(ranks, rank) : List.of();
        this.addresses = new long[ranks];
        long stripes = ((long) what.parts().longest() * dtype.bytes() + stripeBytes - 1) / stripeBytes;
        this.turn = shared.nextTurn(stripes, pending, -1);
        this.first = turn.firstStripe();
        this.end = first + stripes;
        this.agreed = new boolean[ranks];
        this.contributed = first;
        this.reduced = first;
        this.taken = first;
    }

    /** First byte of a stripe of a part in the data; at the end of the part if the part is shorter. */
    private int at(int part, long stripe) {
        return (int) Math.min(what.start(part) + what.length(part), what.start(part) + (stripe - first) * stripeBytes);
    }

    private int count(int part, long stripe) {
        return at(part, stripe + 1) - at(part, stripe);
    }

    @Override
    boolean done() {
        return taken == end;
    }

    @Override
    int advance() {
        int moved = contribute() + reduce() + take();
        if (moved == 0) {
            shared.requireSame(pending, turn);
        }
        return moved;
    }

    private int contribute() {
        if (contributed == end || contributed >= least(Counter.REDUCED) + SharedSegments.DEPTH) {
            return 0;
        }
        UnsafeBuffer own = shared.segment(rank);
        for (int part = 0; reduces && part < ranks; part++) {
            if (part != rank) {
                own.putBytes(
                        shared.contribution(part, contributed), data, at(part, contributed), count(part, contributed));
            }
        }
        shared.publish(Counter.CONTRIBUTED, ++contributed);
        return 1;
    }

    private int reduce() {
        if (reduced == end
                || reduced >= least(Counter.CONTRIBUTED)
                || reduced >= least(Counter.TAKEN) + SharedSegments.DEPTH) {
            return 0;
        }
        for (int peer = 0; peer < ranks; peer++) {
            requireSame(peer);
        }
        int count = count(rank, reduced);
        if (reduces && count > 0) {
            for (int lane = 0; lane < ranks; lane++) {
                addresses[lane] = lane == rank
                        ? data.addressOffset() + at(rank, reduced)
                        : shared.segment(lane).addressOffset() + shared.contribution(rank, reduced);
            }
            lanes.sum(steps, rank, addresses, count / dtype.bytes(), dtype);
        }
        if (spreads) {
            shared.segment(rank).putBytes(shared.sum(reduced), data, at(rank, reduced), count);
        }
        shared.publish(Counter.REDUCED, ++reduced);
        return 1;
    }

    private int take() {
        if (taken == end || taken >= least(Counter.REDUCED)) {
            return 0;
        }
        for (int part = 0; spreads && part < ranks; part++) {
            if (part != rank) {
                shared.segment(part).getBytes(shared.sum(taken), data, at(part, taken), count(part, taken));
            }
        }
        shared.publish(Counter.TAKEN, ++taken);
        return 1;
    }

    /** A rank that has not come yet has done nothing. */
    private long least(Counter counter) {
        long least = Long.MAX_VALUE;
        for (int peer = 0; peer < ranks; peer++) {
            least = Math.min(least, shared.isThere(peer) ? shared.count(peer, counter) : 0);
        }
        return least;
    }

    private void requireSame(int peer) {
        if (!agreed[peer] && !shared.isIn(peer, turn)) {
            throw pending.divergedFrom(group.describe(peer));
        }
        agreed[peer] = true;
    }

    @Override
    long received(int peer, int kind) {
        if (!shared.isThere(peer)) {
            return 0;
        }
        Counter counter = kind == CONTRIBUTION ? Counter.CONTRIBUTED : Counter.REDUCED;
        long stripes = Math.max(0, shared.count(peer, counter) - first);
        return Math.min(expected(peer, kind), stripes * stripeBytes);
    }

    @Override
    long expected(int peer, int kind) {
        return kind == CONTRIBUTION ? reduces ? what.length(rank) : 0 : spreads ? what.length(peer) : 0;
    }

    @Override
    long sent(int peer, int kind) {
        long stripes = (kind == CONTRIBUTION ? contributed : reduced) - first;
        return Math.min(toSend(peer, kind), stripes * stripeBytes);
    }

    @Override
    long toSend(int peer, int kind) {
        return kind == CONTRIBUTION ? reduces ? what.length(peer) : 0 : spreads ? what.length(rank) : 0;
    }
}
