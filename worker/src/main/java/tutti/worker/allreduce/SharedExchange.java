package tutti.worker.allreduce;

import static tutti.worker.allreduce.FrameLayout.CONTRIBUTION;

import org.agrona.concurrent.UnsafeBuffer;
import tutti.common.error.TuttiException;
import tutti.worker.allreduce.SharedSegments.Counter;
import tutti.worker.tensor.Addition;

/**
 * A sum between ranks that share memory. As in {@link SumExchange} every rank owns a part and adds what all contribute to it, in the
 * order of {@link SumTree}; but nothing is framed, checked or staged: a contribution is copied once, added where it lies, and the sum
 * copied once by every other rank.
 *
 * <p>Parts go in stripes. Stripes are counted from the start of the run, so that counters never go back and a fast rank may be in
 * the next sum while a slow one copies the last stripes of this one. Stripe g takes the place of stripe g - DEPTH in its ring: a
 * rank contributes it when all owners have added the old one, and an owner publishes its sum when all ranks have copied the old one.
 */
final class SharedExchange extends Exchange {
    private final SharedSegments shared;
    private final Group group;
    private final PendingCollective pending;
    private final int fingerprint;
    private final Addition addition;
    private final int rank;
    private final int ranks;
    private final int elementBytes;
    private final UnsafeBuffer data;
    private final int stripeBytes;
    /** Number of the first stripe of this sum, and of the first one behind it. */
    private final long first;

    private final long end;
    private final boolean[] agreed;
    private long contributed;
    private long reduced;
    private long taken;

    /** @param first stripes of all sums before */
    SharedExchange(
            SharedSegments shared,
            Group group,
            PendingCollective pending,
            int fingerprint,
            Addition addition,
            long first) {
        this.shared = shared;
        this.group = group;
        this.pending = pending;
        this.fingerprint = fingerprint;
        this.addition = addition;
        this.rank = group.rank();
        this.ranks = group.worldSize();
        this.elementBytes = pending.dtype.bytes();
        this.data = new UnsafeBuffer(pending.buffer, 0, pending.buffer.limit());
        this.stripeBytes = shared.stripeBytes();
        this.first = first;
        int longest = 0;
        for (int part = 0; part < ranks; part++) {
            longest = Math.max(longest, length(part));
        }
        this.end = first + (longest + stripeBytes - 1) / stripeBytes;
        this.agreed = new boolean[ranks];
        this.contributed = first;
        this.reduced = first;
        this.taken = first;
        shared.tag(pending.sequence, fingerprint);
    }

    /** Stripes of all sums, this one included. */
    long end() {
        return end;
    }

    private int start(int part) {
        return partStart(data.capacity() / elementBytes, elementBytes, part, ranks);
    }

    private int length(int part) {
        return start(part + 1) - start(part);
    }

    /** First byte of a stripe of a part in the data; at the end of the part if the part is shorter. */
    private int at(int part, long stripe) {
        return (int) Math.min(start(part + 1), start(part) + (stripe - first) * stripeBytes);
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
        return contribute() + reduce() + take();
    }

    private int contribute() {
        if (contributed == end || contributed >= least(Counter.REDUCED) + SharedSegments.DEPTH) {
            return 0;
        }
        UnsafeBuffer own = shared.segment(rank);
        for (int part = 0; part < ranks; part++) {
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
        if (count > 0) {
            sum(0, ranks, count / elementBytes);
            shared.segment(rank).putBytes(shared.sum(reduced), data, at(rank, reduced), count);
        }
        shared.publish(Counter.REDUCED, ++reduced);
        return 1;
    }

    private int take() {
        if (taken == end || taken >= least(Counter.REDUCED)) {
            return 0;
        }
        for (int part = 0; part < ranks; part++) {
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

    /** A peer that has contributed to the first stripe cannot leave this sum before this rank has added it. */
    private void requireSame(int peer) {
        if (!agreed[peer] && !shared.isIn(peer, pending.sequence, fingerprint)) {
            throw TuttiException.bug(
                    "%s: %s runs another collective as its number %d; all ranks must start the same ones in the same order",
                    pending.describe(), group.describe(peer), pending.sequence);
        }
        agreed[peer] = true;
    }

    /** Adds the lanes of n ranks as {@link SumTree} does; the address of the sum, which is the own data if that is among them. */
    private long sum(int from, int n, int elements) {
        if (n == 1) {
            return from == rank
                    ? data.addressOffset() + at(rank, reduced)
                    : shared.segment(from).addressOffset() + shared.contribution(rank, reduced);
        }
        int split = SumTree.split(n);
        long left = sum(from, split, elements);
        long right = sum(from + split, n - split, elements);
        // a + b and b + a are the same bits.
        boolean ownIsRight = rank >= from + split && rank < from + n;
        long into = ownIsRight ? right : left;
        addition.add(into, ownIsRight ? left : right, elements, pending.dtype);
        return into;
    }

    /** Sums need no frames; only a peer in another collective sends one, and its fingerprint tells. */
    @Override
    Verdict accept(IncomingFrame frame) {
        return Verdict.MALFORMED;
    }

    @Override
    int send(int peer, Wire wire) {
        return 0;
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
        return length(kind == CONTRIBUTION ? rank : peer);
    }

    @Override
    long sent(int peer, int kind) {
        long stripes = (kind == CONTRIBUTION ? contributed : reduced) - first;
        return Math.min(toSend(peer, kind), stripes * stripeBytes);
    }

    @Override
    long toSend(int peer, int kind) {
        return length(kind == CONTRIBUTION ? peer : rank);
    }
}
