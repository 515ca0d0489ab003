package tutti.coordinator.run;

import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import tutti.common.checkpoint.Checkpoints;
import tutti.common.error.TuttiException;
import tutti.common.protocol.WorkerReport.PartFailed;
import tutti.common.protocol.WorkerReport.PartWritten;
import tutti.coordinator.ledger.RunLedger;
import tutti.coordinator.plan.RunPlan;

/**
 * The checkpoints of a run, from the order to save to the event that tells how it ended: {@link SaveSchedule} says when, {@link
 * Commits} does it, and whoever watches is told. Used by the run actor alone.
 */
final class Checkpointing implements AutoCloseable {
    private final SaveSchedule schedule;
    private final Commits commits;
    private final RunLedger ledger;
    private final Announcer announcer;
    /** Of the generation that writes the one that began last. */
    private int worldSize;

    /** Checkpoints whose parts are all written and of which {@link #ended} has not heard. */
    private int settling;

    private Optional<Path> newest = Optional.empty();

    Checkpointing(SaveSchedule schedule, Commits commits, RunLedger ledger, Announcer announcer) {
        this.schedule = schedule;
        this.commits = commits;
        this.ledger = ledger;
        this.announcer = announcer;
    }

    SaveSchedule schedule() {
        return schedule;
    }

    /**
     * @param ranks how many write a part
     * @return whether workers may write; false where the disk does not even take the folder: then it is abandoned
     */
    boolean begin(long step, int ranks) {
        worldSize = ranks;
        schedule.began(step);
        try {
            commits.open(step);
            return true;
        } catch (TuttiException e) {
            abandoned(new Commits.Abandoned(step, e.getMessage()));
            return false;
        }
    }

    /** @return whether this was the last part */
    boolean add(PartWritten part) {
        return commits.add(part, worldSize);
    }

    /** @return whether this was the last part */
    boolean add(PartFailed part) {
        return commits.add(part, worldSize);
    }

    /** See {@link Commits#settle}; what comes of it is for {@link #ended}. */
    CompletableFuture<Commits.Outcome> settle(long step, OptionalLong best) {
        settling++;
        return commits.settle(step, best);
    }

    boolean settling() {
        return settling > 0;
    }

    /** The checkpoint that was committed last, of this run. */
    Optional<Path> newest() {
        return newest;
    }

    /** A worker is gone, and what it had to write with it. */
    void lost(String who) {
        for (long step : commits.abandonOpen(-1)) {
            abandoned(new Commits.Abandoned(step, who + " was lost while it was written"));
            schedule.again(step);
        }
    }

    /**
     * Whether what a generation begins with is to be saved before its first step, since nobody has made that checkpoint.
     *
     * @param firstStep steps that are behind it
     * @param resumedFrom the checkpoint that the run began from, or empty
     */
    boolean owed(RunPlan plan, long firstStep, String resumedFrom) {
        boolean there = newest.orElse(Path.of(resumedFrom)).endsWith(Checkpoints.name(firstStep));
        return firstStep > 0 && !there && (plan.savesAfter(firstStep - 1) || schedule.dueAfter(firstStep));
    }

    /** No worker comes as far as to write those after more than {@code completed} steps. */
    void rolledBack(long completed) {
        for (long step : commits.abandonOpen(completed)) {
            abandoned(new Commits.Abandoned(
                    step, "step %d was rolled back before it was written".formatted(completed + 1)));
            schedule.again(step);
        }
    }

    void ended(Commits.Outcome checkpoint) {
        settling--;
        if (checkpoint instanceof Commits.Committed committed) {
            ledger.happened(
                    "checkpoint_committed",
                    Map.of(
                            "step",
                            committed.step(),
                            "folder",
                            committed.folder().toString(),
                            "deleted",
                            committed.deleted().stream().map(Path::toString).toList()));
            newest = Optional.of(committed.folder());
            announcer.committed(committed.folder(), schedule.ended(true));
        } else if (checkpoint instanceof Commits.Abandoned abandoned) {
            abandoned(abandoned);
        }
    }

    /** A disk that is full costs this checkpoint, not the run. */
    private void abandoned(Commits.Abandoned abandoned) {
        schedule.ended(false);
        ledger.happened("checkpoint_abandoned", Map.of("step", abandoned.step(), "reason", abandoned.reason()));
        announcer.abandoned(abandoned.step(), abandoned.reason());
    }

    /** Removes what was not committed. */
    @Override
    public void close() {
        commits.close();
    }
}
