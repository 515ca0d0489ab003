package tutti.coordinator.run;

import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.LongSupplier;
import tutti.common.protocol.StepShard;
import tutti.common.protocol.WorkerCommand;
import tutti.coordinator.plan.LeaseWindow;
import tutti.coordinator.plan.Member;

/**
 * Hands out the shards of coming steps, to the members of one generation, and tells them when to write a checkpoint and when to
 * evaluate.
 *
 * @param clock nanoseconds
 */
record Leases(List<Member> members, int generation, Announcer announcer, LongSupplier clock) {

    /**
     * Saves what is due now; then hands out shards, up to the next checkpoint or evaluation of the plan. Where one is still being written, the step
     * before the next waits here: in a collective a rank that waits for a disk would look like a lost one.
     */
    void next(Training training) {
        // Before its first step a generation has nothing of its own to save.
        boolean between = training.firstStep < training.leased && training.leased < training.plan.totalSteps();
        if (between && training.checkpoints.schedule().dueAfter(training.leased)) {
            order(training, training.leased, true, false);
        }
        if (training.leaving || training.pausing) {
            return;
        }
        LeaseWindow.Range range = training.window.next(training.completed, training.leased, training.stepMillis);
        long to = range.from();
        boolean save = false;
        boolean evaluate = false;
        while (to < range.to()
                && !save
                && !evaluate
                && !(savesAfter(training, to + 1)
                        && training.checkpoints.schedule().inFlight())) {
            to++;
            save = savesAfter(training, to);
            evaluate = training.evaluations.due(training.plan, to);
        }
        if (to > range.from()) {
            order(training, to, save, evaluate);
            training.heldSince.ifPresent(since -> announcer.waited(Duration.ofNanos(clock.getAsLong() - since)));
            training.heldSince = OptionalLong.empty();
        }
    }

    private static boolean savesAfter(Training training, long completed) {
        return training.plan.savesAfter(completed - 1)
                || training.checkpoints.schedule().dueAgain(completed);
    }

    /** Tells all workers to train up to {@code to} completed steps and then, if so, to write a checkpoint and to evaluate. */
    private void order(Training training, long to, boolean save, boolean evaluate) {
        boolean begun = save && training.checkpoints.begin(to, members.size());
        List<List<StepShard>> shards = training.plan.shards(training.leased, to);
        for (Member member : members) {
            member.commands()
                    .tell(new WorkerCommand.Lease(
                            generation, training.orders, shards.get(member.rank()), begun, evaluate));
        }
        training.orders++;
        training.leased = to;
    }
}
