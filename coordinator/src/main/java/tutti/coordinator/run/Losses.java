package tutti.coordinator.run;

import java.util.List;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/** Workers that a run has lost, against what {@code --max_restarts} allows. Used by the run actor alone. */
final class Losses {
    private final int allowed;
    private int count;
    private TuttiException first;

    /** @param earlier workers that were lost under coordinators before this one, described, in that order */
    Losses(int allowed, List<String> earlier) {
        this.allowed = allowed;
        earlier.forEach(member -> add(new TuttiException(
                Category.PEER, member + " was lost before the coordinator was started again; see logs/")));
    }

    void add(TuttiException loss) {
        first = first == null ? loss : first;
        count++;
    }

    int count() {
        return count;
    }

    int allowed() {
        return allowed;
    }

    boolean bearable() {
        return count <= allowed;
    }

    /** The first is what to look at: a worker that is lost again and again is lost for the same reason. */
    TuttiException tooMany() {
        return count == 1
                ? first
                : new TuttiException(
                        Category.PEER,
                        "%d workers were lost, --max_restarts is %d; the first: %s"
                                .formatted(count, allowed, first.getMessage()));
    }
}
