package tutti.coordinator.ledger;

import java.nio.file.Path;
import java.util.List;
import tutti.common.metrics.EvalMetrics;

/**
 * What coordinators before this one have decided in a run.
 *
 * @param resumedFrom a checkpoint folder, or empty: the model
 * @param commits folders of the checkpoints that were committed, the newest first
 * @param generation the last that was formed; 0: none
 * @param worldSize of that generation
 * @param lost workers that were lost, in that order, but for those of nodes that have left
 * @param leftOut steps that the last rollback left out, and all before them; 0: there was none
 * @param rolledBackIn the generation in which that was
 * @param rollbacks how many there were
 * @param measured the last step of which {@code metrics.jsonl} has a line; 0: none
 * @param evaluations in the order in which they happened
 */
public record Past(
        String resumedFrom,
        List<Path> commits,
        int generation,
        int worldSize,
        List<Loss> lost,
        long leftOut,
        int rolledBackIn,
        int rollbacks,
        long measured,
        List<EvalMetrics> evaluations) {
    /**
     * @param node or {@link #BETWEEN_NODES}
     * @param member described
     */
    public record Loss(int generation, int node, String member) {
        /** Of what joins the workers, while none of them was lost. */
        public static final int BETWEEN_NODES = -1;
    }

    /** A run begins. */
    public static final Past NONE = new Past("", List.of(), 0, 0, List.of(), 0, 0, 0, 0, List.of());

    public Past {
        commits = List.copyOf(commits);
        lost = List.copyOf(lost);
        evaluations = List.copyOf(evaluations);
    }
}
