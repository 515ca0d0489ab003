package tutti.worker.allreduce;

import static tutti.worker.allreduce.FrameLayout.CONTRIBUTION;

import java.util.Arrays;
import java.util.List;
import org.agrona.UnsafeApi;
import tutti.worker.allreduce.SharedSegments.Counter;

/**
 * A collective on {@link SymmetricMemory}: when all ranks have come, the owner of a part adds all contributions where they lie, in the
 * order of {@link SumTree}, and puts the sum into the memory of every rank, a block that stays in its cache at a time. Each element is
 * read once and written once per rank, which is the least there is. When all owners are through, nobody touches any rank's memory
 * any more.
 *
 * <p>In the counting of {@link SharedExchange} it is one stripe, so both kinds may follow each other.
 */
final class SymmetricExchange extends Exchange {
    /** Bytes of a part that are added between two looks at deadlines. */
    private static final int STRETCH = 1 << 20;

    private final SharedSegments shared;
    private final SymmetricMemory memory;
    private final Group group;
    private final PendingCollective pending;
    private final Collective what;
    private final Lanes lanes;
    private final int rank;
    private final int ranks;
    private final SharedSegments.Turn turn;
    private final List<SumTree.Step> steps;
    private final long[] addresses;
    private boolean agreed;
    private int done;
    private boolean over;

    /**
     * @param group of the ranks that share the memory
     * @param what all of {@code pending} or one half of a piece of it, its parts among the ranks of the group, in {@code memory}
     */
    SymmetricExchange(
            SharedSegments shared,
            SymmetricMemory memory,
            Group group,
            PendingCollective pending,
            Collective what,
            Lanes lanes) {
        this.shared = shared;
        this.memory = memory;
        this.group = group;
        this.pending = pending;
        this.what = what;
        this.lanes = lanes;
        this.rank = group.rank();
        this.ranks = group.worldSize();
        this.steps = what.kind().reduces() ? SumTree.steps(ranks, rank) : List.of();
        this.addresses = new long[ranks];
        this.turn = shared.nextTurn(1, pending, memory.offset(pending.what.buffer()));
        shared.publish(Counter.CONTRIBUTED, turn.firstStripe() + 1);
    }

    @Override
    boolean done() {
        return over;
    }

    @Override
    int advance() {
        if (!agreed && !haveAll(Counter.CONTRIBUTED)) {
            shared.requireSame(pending, turn);
            return 0;
        }
        for (int peer = 0; !agreed && peer < ranks; peer++) {
            if (!shared.isIn(peer, turn)) {
                throw pending.divergedFrom(group.describe(peer));
            }
        }
        agreed = true;
        if (done < what.length(rank)) {
            stretch();
            return 1;
        }
        // Again and again until all are through: the same value.
        shared.publish(Counter.REDUCED, turn.firstStripe() + 1);
        over = haveAll(Counter.REDUCED);
        if (over) {
            shared.publish(Counter.TAKEN, turn.firstStripe() + 1);
        }
        return over ? 1 : 0;
    }

    private boolean haveAll(Counter counter) {
        for (int peer = 0; peer < ranks; peer++) {
            if (!has(peer, counter)) {
                return false;
            }
        }
        return true;
    }

    private boolean has(int peer, Counter counter) {
        return shared.isThere(peer) && shared.count(peer, counter) > turn.firstStripe();
    }

    private void stretch() {
        int end = Math.min(done + STRETCH, what.length(rank));
        int block = Lanes.BLOCK * what.dtype().bytes();
        for (; done < end; done += block) {
            int bytes = Math.min(block, end - done);
            long at = memory.offset(what.buffer()) + what.start(rank) + done;
            Arrays.setAll(addresses, peer -> memory.address(peer, at));
            lanes.sum(steps, rank, addresses, bytes / what.dtype().bytes(), what.dtype());
            for (int peer = 0; what.kind().spreads() && peer < ranks; peer++) {
                if (peer != rank) {
                    UnsafeApi.copyMemory(addresses[rank], addresses[peer], bytes);
                }
            }
        }
        done = end;
    }

    @Override
    long received(int peer, int kind) {
        Counter counter = kind == CONTRIBUTION ? Counter.CONTRIBUTED : Counter.REDUCED;
        return has(peer, counter) ? expected(peer, kind) : 0;
    }

    @Override
    long expected(int peer, int kind) {
        return kind == CONTRIBUTION
                ? what.kind().reduces() ? what.length(rank) : 0
                : what.kind().spreads() ? what.length(peer) : 0;
    }

    @Override
    long sent(int peer, int kind) {
        return kind == CONTRIBUTION ? toSend(peer, kind) : Math.min(toSend(peer, kind), done);
    }

    @Override
    long toSend(int peer, int kind) {
        return kind == CONTRIBUTION
                ? what.kind().reduces() ? what.length(peer) : 0
                : what.kind().spreads() ? what.length(rank) : 0;
    }
}
