package tutti.worker.allreduce;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import tutti.worker.allreduce.Collective.Kind;
import tutti.worker.tensor.Addition;
import tutti.worker.tensor.DType;

/**
 * How a collective travels. One table, the same on all ranks:
 *
 * <pre>
 *                                  up to {@value #SHORT_BYTES} bytes a rank       more
 * ranks of one node                {@link SharedGather}                   {@link SymmetricExchange} in {@link SymmetricMemory}, else {@link SharedExchange}
 * nodes of several ranks each      {@link FramedExchange}, whole          {@link NodesExchange}; sums of BF16 as all others
 * all others                       {@link FramedExchange}, whole          {@link FramedExchange}, in parts
 * </pre>
 *
 * Short sums are gathered whole and added by everybody ({@link GatheredSum}): one hop instead of two. Whatever the way, the order of
 * the additions is the same, and so are the bits.
 *
 * <p>Sums that frames carry rounded ({@link Collective#narrowed}) have no short way: what is rounded then depends on who shares a
 * node, and not on the length too.
 */
final class Algorithms {
    /** Where two hops in parts become quicker than one hop of everything. */
    static final int SHORT_BYTES = SharedSegments.SLOT_BYTES;

    private final Group group;
    private final Topology topology;
    /** Null where this rank is alone on its node. */
    private final SharedSegments shared;

    private final Group neighbours;
    private final Lanes lanes;
    private final Staging staging;
    private final int windowBytes;
    private final Route everybody;
    private final Route betweenNodes;
    private ByteBuffer gathered = ByteBuffer.allocateDirect(0);
    /** Null until there is one. Written between collectives. */
    private volatile SymmetricMemory memory;

    /** @param topology a node is who shares memory with whom */
    Algorithms(Group group, Topology topology, SharedSegments shared, Addition addition, int windowBytes) {
        this.group = group;
        this.topology = topology;
        this.shared = shared;
        this.neighbours = group.onNode(topology);
        this.lanes = new Lanes(addition);
        this.staging = new Staging(group.worldSize(), windowBytes);
        this.windowBytes = windowBytes;
        this.everybody = Route.flat(group.rank(), group.worldSize());
        this.betweenNodes = Route.betweenNodes(group.rank(), topology);
    }

    /** From here on: what lies in it takes no copies. */
    void use(SymmetricMemory mapped) {
        memory = mapped;
    }

    /** No rank shares memory with another. */
    boolean apart() {
        return topology.nodes() == topology.worldSize();
    }

    /** What travels between nodes of elements that {@code wire} was asked for: where there is one node, nothing is rounded. */
    DType wire(DType dtype, DType wire) {
        return topology.nodes() == 1 ? dtype : wire;
    }

    /** Does it hold for all ranks of this node? */
    boolean onNode(IntPredicate test) {
        return IntStream.range(0, neighbours.worldSize()).allMatch(i -> test.test(neighbours.firstRank() + i));
    }

    Exchange of(PendingCollective pending) {
        Collective what = pending.what;
        if (what.kind().reduces() && what.bytes() <= SHORT_BYTES && !what.narrowed()) {
            return gatheredSum(pending);
        }
        if (!what.kind().reduces() && what.parts().longest() * what.dtype().bytes() <= SHORT_BYTES) {
            return gather(pending, what);
        }
        if (topology.nodes() == 1) {
            return onNode(pending, what);
        }
        boolean roundedOnce = what.dtype() != DType.BF16 || !what.kind().reduces();
        if (topology.nodes() < topology.worldSize() && topology.nested() && roundedOnce) {
            return new NodesExchange(stages(pending), group, neighbours);
        }
        return framed(everybody, what);
    }

    private Exchange onNode(PendingCollective pending, Collective what) {
        SymmetricMemory mapped = memory;
        return mapped != null && mapped.offset(pending.what.buffer()) >= 0
                ? new SymmetricExchange(shared, mapped, neighbours, pending, what, lanes)
                : new SharedExchange(shared, neighbours, pending, what, lanes);
    }

    private Exchange framed(Route route, Collective what) {
        return new FramedExchange(route, what, lanes, staging, windowBytes);
    }

    private Exchange gather(PendingCollective pending, Collective what) {
        return topology.nodes() == 1 ? new SharedGather(shared, neighbours, pending, what) : framed(everybody, what);
    }

    private Exchange gatheredSum(PendingCollective pending) {
        Collective what = pending.what;
        int rank = group.rank();
        int ranks = group.worldSize();
        if (gathered.capacity() < SHORT_BYTES * ranks) {
            gathered = ByteBuffer.allocateDirect(SHORT_BYTES * ranks);
        }
        ByteBuffer copies = gathered.slice(0, what.bytes() * ranks).order(FrameLayout.ORDER);
        copies.put(rank * what.bytes(), what.buffer(), 0, what.bytes());
        return new GatheredSum(gather(pending, what.gathering(ranks, copies)), what, copies, rank, ranks, lanes);
    }

    private List<Supplier<Exchange>> stages(PendingCollective pending) {
        Collective what = pending.what;
        List<Supplier<Exchange>> stages = new ArrayList<>();
        if (what.kind().reduces()) {
            onNode(pending, Kind.REDUCE_SCATTER, stages);
        }
        stages.add(() -> framed(betweenNodes, what));
        if (what.kind().spreads()) {
            onNode(pending, Kind.ALL_GATHER, stages);
        }
        return stages;
    }

    /** The parts of every node in turn: each has handlers among the ranks of this one. */
    private void onNode(PendingCollective pending, Kind half, List<Supplier<Exchange>> stages) {
        Partition parts = pending.what.parts();
        for (int node = 0; node < topology.nodes() && neighbours.worldSize() > 1; node++) {
            int first = topology.first(node);
            Partition some = parts.regroup(first, first + topology.size(node), neighbours.worldSize());
            if (some.elements() > 0) {
                Collective piece = pending.what.half(half, some, parts.start(first));
                stages.add(() -> onNode(pending, piece));
            }
        }
    }
}
