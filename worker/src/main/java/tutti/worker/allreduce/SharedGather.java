package tutti.worker.allreduce;

import static tutti.worker.allreduce.FrameLayout.RESULT;

import org.agrona.concurrent.UnsafeBuffer;

/**
 * A few bytes of every rank for every rank of a node, in one hop: each puts its part into its segment and copies those of the others
 * as they come. Two slots are enough: a rank is at most one gather ahead, since it needs everybody's part to end one.
 */
final class SharedGather extends Exchange {
    private final SharedSegments shared;
    private final Group group;
    private final PendingCollective pending;
    private final Collective what;
    private final UnsafeBuffer data;
    private final SharedSegments.Turn turn;
    private final boolean[] has;
    private int missing;

    /** @param what {@code pending} or a part of its work; no part is longer than {@link SharedSegments#SLOT_BYTES} */
    SharedGather(SharedSegments shared, Group group, PendingCollective pending, Collective what) {
        this.shared = shared;
        this.group = group;
        this.pending = pending;
        this.what = what;
        this.data = new UnsafeBuffer(what.buffer(), 0, what.bytes());
        this.has = new boolean[group.worldSize()];
        this.missing = group.worldSize() - 1;
        int rank = group.rank();
        this.turn = shared.nextGather(pending, data, what.start(rank), what.length(rank));
    }

    @Override
    boolean done() {
        return missing == 0;
    }

    @Override
    int advance() {
        if (!shared.haveMet()) {
            return 0;
        }
        int before = missing;
        for (int peer = 0; peer < has.length; peer++) {
            if (peer != group.rank() && !has[peer] && shared.hasGathered(peer, turn)) {
                if (!shared.isIn(peer, turn)) {
                    throw pending.divergedFrom(group.describe(peer));
                }
                shared.segment(peer).getBytes(shared.slot(turn), data, what.start(peer), what.length(peer));
                has[peer] = true;
                missing--;
            }
        }
        if (before == missing) {
            shared.requireSame(pending, turn);
        }
        return before - missing;
    }

    @Override
    long received(int peer, int kind) {
        return has[peer] ? expected(peer, kind) : 0;
    }

    @Override
    long expected(int peer, int kind) {
        return kind == RESULT && peer != group.rank() ? what.length(peer) : 0;
    }

    @Override
    long sent(int peer, int kind) {
        return toSend(peer, kind);
    }

    @Override
    long toSend(int peer, int kind) {
        return kind == RESULT && peer != group.rank() ? what.length(group.rank()) : 0;
    }
}
