package tutti.coordinator.run;

import java.util.Collections;
import java.util.Set;
import java.util.TreeSet;
import tutti.common.config.RunConfig;

/**
 * When a generation ends because others should make up the next one: more are here, or a node is to make room. Nothing is lost by it: it ends
 * behind the steps that are handed out, and where no rank has all state, behind a checkpoint from which all can begin. Used by the
 * run actor alone.
 */
final class Resizing {
    private final RunConfig config;
    private final Announcer announcer;
    private final Set<Integer> departing = new TreeSet<>();
    private boolean couldGrow;
    /** No checkpoint could be written for it; it waits for one that is. */
    private boolean postponed;

    Resizing(RunConfig config, Announcer announcer) {
        this.config = config;
        this.announcer = announcer;
    }

    /** A generation of these is formed: of all that are here. */
    void formed(Set<Integer> nodes) {
        couldGrow = false;
        departing.retainAll(nodes);
    }

    /** More are here than are in the generation. */
    void couldGrow() {
        couldGrow = true;
    }

    /** Nodes that are to make room, and without which the run can go on. */
    Set<Integer> departing() {
        return Collections.unmodifiableSet(departing);
    }

    /** That node is to make room, and the others are enough. */
    void departs(int node) {
        departing.add(node);
    }

    /** Lost, or sent away: what comes of that node next was not told to make room. */
    void away(int node) {
        departing.remove(node);
    }

    /** There is a checkpoint more. */
    void committed() {
        postponed = false;
    }

    /** Asked whenever something has come to its end. @return whether the generation is to end now */
    boolean isDue(Training training) {
        boolean ends = training.leaving || training.leased == training.plan.totalSteps();
        boolean wanted = (couldGrow || !departing.isEmpty()) && !postponed;
        boolean begins = canBeBegunWith(training);
        // Before its first step a generation has nothing to save.
        if (!wanted || ends || (training.completed == training.firstStep && !begins)) {
            return false;
        }
        training.pausing = true;
        if (training.completed < training.leased
                || training.checkpoints.schedule().inFlight()) {
            return false;
        }
        if (!begins) {
            save(training);
        }
        return begins;
    }

    private boolean canBeBegunWith(Training training) {
        return config.optim().zero() == 0 || training.checkpoints.schedule().committed(training.leased);
    }

    private void save(Training training) {
        if (!training.saving) {
            training.saving = true;
            training.checkpoints.schedule().ask();
            training.leases.next(training);
        }
        if (!training.checkpoints.schedule().inFlight()) {
            announcer.note(
                    "warning: the number of workers could change, but no checkpoint could be written for them to begin with; behind the next one that is it does");
            postponed = true;
            training.saving = false;
            training.pausing = false;
            training.leases.next(training);
        }
    }
}
