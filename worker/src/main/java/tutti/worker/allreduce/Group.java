package tutti.worker.allreduce;

import static tutti.common.error.TuttiException.require;

import java.util.List;
import java.util.Optional;
import tutti.common.protocol.GradientKey;

/**
 * Who takes part: one membership of one run, seen from one rank.
 *
 * @param run tells runs apart that share a wire; the same on all ranks
 * @param generation of this membership; frames of another are dropped
 * @param rank number of this one among {@code hosts}
 * @param hosts by number, as error messages should name them
 * @param firstRank rank in the run of number 0: not 0 for the ranks of a later node
 * @param key signs the frames; where there is none they carry a checksum
 */
public record Group(long run, int generation, int rank, List<String> hosts, int firstRank, Optional<GradientKey> key) {
    public Group {
        hosts = List.copyOf(hosts);
        require(0 <= rank && rank < hosts.size(), "all-reduce: need 0 <= rank=%d < world size=%d", rank, hosts.size());
    }

    /** All ranks of a run. */
    public Group(long run, int generation, int rank, List<String> hosts, Optional<GradientKey> key) {
        this(run, generation, rank, hosts, 0, key);
    }

    /** The ranks on the node of this one, numbered from 0. */
    public Group onNode(Topology topology) {
        int node = topology.nodeOf(rank);
        int first = topology.first(node);
        return new Group(run, generation, rank - first, hosts.subList(first, first + topology.size(node)), first, key);
    }

    public int worldSize() {
        return hosts.size();
    }

    /** {@code rank 2 (node-b)}. */
    String describe(int peer) {
        return "rank " + (firstRank + peer) + " (" + hosts.get(peer) + ")";
    }
}
