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
 * @param hosts by rank, as error messages should name them
 * @param key signs the frames; where there is none they carry a checksum
 */
public record Group(long run, int generation, int rank, List<String> hosts, Optional<GradientKey> key) {
    public Group {
        hosts = List.copyOf(hosts);
        require(0 <= rank && rank < hosts.size(), "all-reduce: need 0 <= rank=%d < world size=%d", rank, hosts.size());
    }

    public int worldSize() {
        return hosts.size();
    }

    /** {@code rank 2 (node-b)}. */
    String describe(int peer) {
        return "rank " + peer + " (" + hosts.get(peer) + ")";
    }
}
