package tutti.worker.allreduce;

import java.util.BitSet;
import java.util.stream.IntStream;

/**
 * Between whom the frames of a collective go, seen from one rank.
 *
 * @param contributors whose values this rank adds in its own part, itself among them, ascending; results go back to them
 * @param sizes how many ranks' sum each of them sends; see {@link SumTree#steps}
 * @param owners to whose parts this rank contributes, and who send it their results; itself may be among them
 */
record Route(int rank, int[] contributors, int[] sizes, BitSet owners) {

    /** Every rank with every other. */
    static Route flat(int rank, int ranks) {
        BitSet owners = new BitSet(ranks);
        owners.set(0, ranks);
        return new Route(
                rank,
                IntStream.range(0, ranks).toArray(),
                IntStream.range(0, ranks).map(r -> 1).toArray(),
                owners);
    }

    /** Between nodes: a part is added on each node by its handler there, and by its owner over all nodes. */
    static Route betweenNodes(int rank, Topology topology) {
        int home = topology.nodeOf(rank);
        BitSet owners = new BitSet(topology.worldSize());
        for (int owner = 0; owner < topology.worldSize(); owner++) {
            owners.set(owner, topology.nodeOf(owner) != home && topology.handler(home, owner) == rank);
        }
        return new Route(
                rank,
                IntStream.range(0, topology.nodes())
                        .map(node -> topology.handler(node, rank))
                        .toArray(),
                topology.sizes(),
                owners);
    }

    /** -1 for who does not contribute. */
    int laneOf(int peer) {
        for (int lane = 0; lane < contributors.length; lane++) {
            if (contributors[lane] == peer) {
                return lane;
            }
        }
        return -1;
    }

    boolean contributesToMe(int peer) {
        return peer != rank && laneOf(peer) >= 0;
    }

    boolean ownsForMe(int peer) {
        return owners.get(peer);
    }
}
