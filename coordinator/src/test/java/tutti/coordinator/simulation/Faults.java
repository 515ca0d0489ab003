package tutti.coordinator.simulation;

import java.util.List;
import tutti.coordinator.run.RunActor;

/** What goes wrong in a schedule, and when. */
final class Faults {
    /** Until all workers are there and ready, about; then so long a step. */
    private static final long START = 4000;

    private static final long STEP = 600;
    private static final long SOON = 3000;
    /** Nobody's patience ends before. */
    private static final long SHORT = 4000;
    /** The cluster gives up who is silent for so long. */
    private static final long SILENCE = 32_000;

    private final SimulatedCluster cluster;
    private final Schedule schedule;

    Faults(SimulatedCluster cluster) {
        this.cluster = cluster;
        this.schedule = cluster.schedule();
    }

    void plan() {
        long end = START + STEP * cluster.settings().totalSteps();
        for (long left = schedule.between(0, 4); left > 0; left--) {
            schedule.after(schedule.between(0, end), this::happen);
        }
    }

    /** What goes wrong seldom comes alone. */
    private void happen() {
        if (schedule.chance(0.3)) {
            schedule.after(schedule.between(0, SOON), this::happen);
        }
        List<SimulatedWorker> workers = cluster.workers();
        if (workers.isEmpty()) {
            return;
        }
        SimulatedWorker one = schedule.oneOf(workers);
        long kind = schedule.between(0, 99);
        if (kind < 36) {
            if (schedule.chance(0.05)) {
                cluster.killForGood(one);
            } else {
                cluster.kill(one);
            }
        } else if (kind < 50) {
            cluster.killCoordinator();
        } else if (kind < 58) {
            killNode(one.node());
        } else if (kind < 64) {
            cut(one, schedule.between(100, SHORT));
        } else if (kind < 69) {
            cut(one, schedule.between(SILENCE, 60_000));
        } else if (kind < 74) {
            hang(one, schedule.between(100, SHORT));
        } else if (kind < 86) {
            hang(one, schedule.between(15_000, 60_000));
        } else if (kind < 94) {
            schedule.trace("somebody asks for a checkpoint");
            cluster.invariants().asked();
            cluster.coordinator().run().tell(RunActor.saveNow());
        } else {
            preempt(one);
        }
    }

    private void killNode(int node) {
        // Away for longer than others wait for it, where they can do without.
        long away = schedule.chance(0.5) ? schedule.between(50, 3000) : schedule.between(3000, 60_000);
        cluster.workers().stream()
                .filter(worker -> worker.node() == node)
                .toList()
                .forEach(worker -> cluster.kill(worker, away));
        if (node == 0) {
            cluster.killCoordinator();
        }
    }

    private void cut(SimulatedWorker worker, long millis) {
        schedule.trace(worker.name() + " is cut off for " + millis + " ms");
        cluster.network().cut(worker.name());
        boolean givenUp = millis >= SILENCE;
        if (givenUp) {
            cluster.excuse("PEER");
            worker.giveUp(schedule.between(SILENCE - 2000, SILENCE));
            worker.later(schedule.between(SILENCE - 7000, SILENCE + 10_000), worker::cutOff);
        }
        schedule.after(millis, () -> {
            schedule.trace(worker.name() + " is no longer cut off");
            if (givenUp) {
                cluster.network().forget(worker.name());
            }
            cluster.network().heal(worker.name());
        });
    }

    private void hang(SimulatedWorker worker, long millis) {
        schedule.trace(worker.name() + " hangs for " + millis + " ms");
        worker.hang(millis);
        if (millis > SHORT) {
            cluster.excuse("PEER");
        }
        if (millis >= SILENCE) {
            worker.giveUp(SILENCE);
            worker.later(millis + schedule.between(0, 10_000), worker::cutOff);
        }
    }

    private void preempt(SimulatedWorker one) {
        cluster.invariants().asked();
        cluster.excuse("PREEMPTED");
        cluster.excuse("PEER");
        cluster.excuse("ENVIRONMENT");
        if (!cluster.settings().bad().isEmpty()) {
            // Who is about to leave does not go back.
            cluster.excuse("NUMERIC");
        }
        if (schedule.chance(0.5)) {
            schedule.trace("node " + one.node() + " is told to make room");
            cluster.workers().stream()
                    .filter(worker -> worker.node() == one.node())
                    .forEach(SimulatedWorker::preempt);
        } else {
            schedule.trace("the coordinator is told to make room");
            cluster.coordinator().run().tell(RunActor.preempt());
        }
    }
}
