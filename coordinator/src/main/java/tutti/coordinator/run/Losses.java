package tutti.coordinator.run;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.coordinator.ledger.Past;
import tutti.coordinator.plan.Member;

/**
 * What a run has lost, against what {@code --max_restarts} allows: workers of one node in one generation are one loss, as they fall
 * with their node. Used by the run actor alone.
 */
final class Losses {
    private final int allowed;
    private final List<Loss> all = new ArrayList<>();

    private record Loss(int generation, int node, TuttiException cause) {}

    /** @param earlier losses under coordinators before this one, in that order */
    Losses(int allowed, List<Past.Loss> earlier) {
        this.allowed = allowed;
        earlier.forEach(loss -> add(
                loss.generation(),
                loss.node(),
                new TuttiException(
                        Category.PEER,
                        loss.member() + " was lost before the coordinator was started again; see logs/")));
    }

    void add(int generation, Member member, TuttiException cause) {
        add(generation, member.join().nodeRank(), cause);
    }

    /** All workers of a generation were there, and could not reach each other. */
    void addBroken(int generation, TuttiException cause) {
        add(generation, Past.Loss.BETWEEN_NODES, cause);
    }

    private void add(int generation, int node, TuttiException cause) {
        if (all.stream().noneMatch(loss -> loss.generation() == generation && loss.node() == node)) {
            all.add(new Loss(generation, node, cause));
        }
    }

    /** The run goes on without these nodes: they have left it, which is no failure. */
    void left(Collection<Integer> nodes) {
        all.removeIf(loss -> nodes.contains(loss.node()));
    }

    int count() {
        return all.size();
    }

    int allowed() {
        return allowed;
    }

    boolean bearable() {
        return count() <= allowed;
    }

    /** The first is what to look at: a worker that is lost again and again is lost for the same reason. */
    TuttiException tooMany() {
        TuttiException first = all.get(0).cause();
        return count() == 1
                ? first
                : new TuttiException(
                        Category.PEER,
                        "workers were lost or cut off from each other %d times, --max_restarts is %d; the first: %s"
                                .formatted(count(), allowed, first.getMessage()));
    }
}
