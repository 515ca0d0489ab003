package tutti.worker.allreduce;

import static tutti.common.error.TuttiException.require;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Which ranks share a node: blocks of neighbouring ranks.
 *
 * <p>A block is {@link #nested} if it is a subtree of {@link SumTree} over all ranks. Then the node may add its ranks first, and what
 * goes between nodes is one sum instead of one contribution a rank, with the same bits.
 */
public final class Topology {
    /** First rank of each node, and the world size behind. */
    private final int[] firsts;

    private final boolean nested;

    private Topology(int[] firsts) {
        this.firsts = firsts;
        boolean all = true;
        for (int node = 0; node < nodes(); node++) {
            all &= SumTree.isSubtree(worldSize(), firsts[node], size(node));
        }
        this.nested = all;
    }

    /**
     * @param nodes of every rank, in rank order
     * @throws tutti.common.error.TuttiException if ranks of a node do not follow each other
     */
    public static Topology of(List<Integer> nodes) {
        List<Integer> firsts = new ArrayList<>();
        for (int rank = 0; rank < nodes.size(); rank++) {
            int node = nodes.get(rank);
            if (rank == 0 || node != nodes.get(rank - 1)) {
                require(
                        !nodes.subList(0, rank).contains(node),
                        "all-reduce: nodes of the ranks %s: the ranks of node %d do not follow each other",
                        nodes,
                        node);
                firsts.add(rank);
            }
        }
        firsts.add(nodes.size());
        return new Topology(firsts.stream().mapToInt(Integer::intValue).toArray());
    }

    /** So many nodes of {@code ranks} ranks each. */
    public static Topology even(int nodes, int ranks) {
        return new Topology(IntStream.rangeClosed(0, nodes)
                .map(node -> Math.multiplyExact(node, ranks))
                .toArray());
    }

    /** Every rank on a node of its own. */
    public static Topology apart(int worldSize) {
        return even(worldSize, 1);
    }

    public int worldSize() {
        return firsts[nodes()];
    }

    public int nodes() {
        return firsts.length - 1;
    }

    /** First rank of a node. */
    int first(int node) {
        return firsts[node];
    }

    /** Ranks of a node. */
    int size(int node) {
        return firsts[node + 1] - firsts[node];
    }

    /** Ranks on the node of {@code rank}, itself included. */
    public int neighbours(int rank) {
        return size(nodeOf(rank));
    }

    int nodeOf(int rank) {
        int node = 0;
        while (firsts[node + 1] <= rank) {
            node++;
        }
        return node;
    }

    /** Sizes of the nodes. */
    int[] sizes() {
        int[] sizes = new int[nodes()];
        for (int node = 0; node < nodes(); node++) {
            sizes[node] = size(node);
        }
        return sizes;
    }

    public boolean nested() {
        return nested;
    }

    /** The rank of {@code node} that adds, sends and receives the part of {@code owner} for its node: the owner itself at home. */
    int handler(int node, int owner) {
        int home = nodeOf(owner);
        int part = owner - first(home);
        return first(node) + (int) ((long) part * size(node) / size(home));
    }

    @Override
    public boolean equals(Object o) {
        return o instanceof Topology other && Arrays.equals(firsts, other.firsts);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(firsts);
    }

    /** First rank of each node, and the world size. */
    @Override
    public String toString() {
        return Arrays.toString(firsts);
    }
}
