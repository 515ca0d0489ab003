package tutti.coordinator.ledger;

import java.nio.file.Path;
import java.util.List;

/**
 * What coordinators before this one have decided in a run.
 *
 * @param resumedFrom a checkpoint folder, or empty: the model
 * @param commits folders of the checkpoints that were committed, the newest first
 * @param generation the last that was formed; 0: none
 * @param lost workers that were lost, described, in that order
 * @param leftOut steps that the last rollback left out, and all before them; 0: there was none
 * @param rollbacks how many there were
 * @param measured the last step of which {@code metrics.jsonl} has a line; 0: none
 */
public record Past(
        String resumedFrom,
        List<Path> commits,
        int generation,
        List<String> lost,
        long leftOut,
        int rollbacks,
        long measured) {
    /** A run begins. */
    public static final Past NONE = new Past("", List.of(), 0, List.of(), 0, 0, 0);

    public Past {
        commits = List.copyOf(commits);
        lost = List.copyOf(lost);
    }
}
