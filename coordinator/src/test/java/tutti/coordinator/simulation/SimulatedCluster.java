package tutti.coordinator.simulation;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletionException;
import tutti.common.config.RunConfig;
import tutti.common.error.TuttiException;
import tutti.common.protocol.Join;
import tutti.common.protocol.Presence;
import tutti.common.protocol.WorkerCommand;
import tutti.common.protocol.WorkerCommand.Assign;
import tutti.common.protocol.WorkerCommand.Lease;
import tutti.common.protocol.WorkerCommand.Leave;
import tutti.common.protocol.WorkerReport;

/** All processes of one run, and the launchers that start them again. */
final class SimulatedCluster {
    static final String RUN = "0123456789abcdef";
    /** Longer than any deadline of the run. */
    private static final long LONGEST = 3 * 3_600_000L;

    private static final int MOST_EVENTS = 300_000;

    private final String prefix;
    private final Schedule schedule;
    private final SteppedActors actors;
    private final Path output;
    private final Settings settings;
    private final RunConfig config;
    private final SimulatedNetwork network;
    private final Invariants invariants;
    private final Map<String, SimulatedWorker> processes = new LinkedHashMap<>();
    private final Map<Integer, Integer> lives = new LinkedHashMap<>();
    /** Of the coordinator that lives. */
    private final Map<Integer, ActorRef<WorkerCommand>> seats = new HashMap<>();

    private final Set<ActorRef<?>> givenUp = new HashSet<>();
    private final Set<ActorRef<?>> silenced = new HashSet<>();
    /** Categories with which this run may end. */
    private final Set<String> excuses = new TreeSet<>();

    private SimulatedCoordinator coordinator;
    private int coordinators;

    SimulatedCluster(String prefix, long seed, Schedule schedule, SteppedActors actors, Path output) {
        this.prefix = prefix;
        this.schedule = schedule;
        this.actors = actors;
        this.output = output;
        this.settings = Settings.of(schedule);
        this.config = settings.config(output, seed);
        this.network = new SimulatedNetwork(schedule);
        this.invariants = new Invariants(settings, output, this::lost);
        schedule.trace(settings.toString());
    }

    /** @return how it ended: {@code DONE} or the category of its failure */
    String run() {
        if (settings.maxRestarts() < 10) {
            excuse("PEER");
        }
        schedule.after(0, this::start);
        for (int event = 0; coordinator == null || !coordinator.outcome().isDone(); event++) {
            Invariants.require(event < MOST_EVENTS && schedule.now() < LONGEST, "no end after %d ms", schedule.now());
            if (schedule.step()) {
                invariants.ledger();
            }
        }
        coordinator.close();
        invariants.close();
        return ending();
    }

    private void start() {
        startCoordinator();
        for (int seat = 0; seat < settings.seats(); seat++) {
            startWorker(seat);
        }
        new Faults(this).plan();
    }

    private String ending() {
        try {
            coordinator.outcome().join();
            invariants.done();
            if (settings.fullDisk() == 0) {
                invariants.lastIsSaved();
            }
            return "DONE";
        } catch (CompletionException e) {
            String category = e.getCause() instanceof TuttiException cause
                    ? cause.category().name()
                    : "";
            schedule.trace("the run ends: " + e.getCause());
            Invariants.require(excuses.contains(category), "nothing explains this end: %s", e.getCause());
            return category;
        }
    }

    // ---- for all of this world ----

    Schedule schedule() {
        return schedule;
    }

    SteppedActors actors() {
        return actors;
    }

    Settings settings() {
        return settings;
    }

    SimulatedNetwork network() {
        return network;
    }

    Invariants invariants() {
        return invariants;
    }

    Path output() {
        return output;
    }

    SimulatedCoordinator coordinator() {
        return coordinator;
    }

    List<SimulatedWorker> workers() {
        return processes.values().stream().filter(SimulatedWorker::alive).toList();
    }

    /** The process that listens for gradients there. */
    Optional<SimulatedWorker> at(String address) {
        return Optional.of(processes.get(address)).filter(SimulatedWorker::alive);
    }

    <T> ActorRef<T> spawn(String name, Behavior<T> behavior) {
        return actors.spawn(behavior, prefix + name);
    }

    /** It is gone for the coordinator. What it has reported may still come for a while. */
    void giveUp(ActorRef<?> agent) {
        givenUp.add(agent);
        schedule.after(schedule.between(0, 6000), () -> silenced.add(agent));
        actors.stop(agent);
    }

    // ---- messages ----

    void tellRun(SimulatedWorker worker, Assign assign, SimulatedCoordinator to, WorkerReport report) {
        ActorRef<?> from = worker.commands();
        network.send(worker.name(), to.name(), "run", () -> {
            if (to.alive() && !silenced.contains(from)) {
                schedule.trace(to.name() + " hears " + brief(report) + " from " + worker.name());
                assign.replyTo().tell(report);
            }
        });
    }

    void tellMembership(SimulatedWorker worker, Join join) {
        network.send(worker.name(), "master", "membership", () -> {
            if (coordinator.alive() && !givenUp.contains(join.replyTo())) {
                schedule.trace(coordinator.name() + " hears the join of " + worker.name() + ", generation "
                        + join.generation() + ", completed " + join.completed());
                takeSeat(join);
                coordinator.membership().tell(join);
            }
        });
    }

    /** Here it is, and works. */
    void tellPresence(SimulatedWorker worker, Presence presence) {
        network.send(worker.name(), "master", "membership", () -> {
            if (coordinator.alive() && !givenUp.contains(presence.replyTo())) {
                coordinator.membership().tell(presence);
            }
        });
    }

    /** The membership takes who held the seat for dead, and the cluster ends it if it is not. */
    private void takeSeat(Join join) {
        ActorRef<WorkerCommand> before = seats.put(join.seat(), join.replyTo());
        if (before != null && !before.equals(join.replyTo())) {
            giveUp(before);
            workers().stream()
                    .filter(worker -> before.equals(worker.commands()))
                    .forEach(worker -> worker.later(schedule.between(1000, 10_000), worker::cutOff));
        }
    }

    static String brief(Object message) {
        if (message instanceof WorkerReport.StepDone done) {
            return "StepDone " + done.step() + " in " + done.generation();
        } else if (message instanceof Assign assign) {
            return "Assign " + assign.generation() + " state from " + assign.stateFrom() + " '" + assign.resumeFrom()
                    + "'";
        } else if (message instanceof Lease lease) {
            List<Long> steps =
                    lease.shards().stream().map(shard -> shard.step()).toList();
            return "Lease " + lease.generation() + " of " + steps + (lease.save() ? " and save" : "");
        } else if (message instanceof WorkerReport.PartWritten part) {
            return "PartWritten " + part.step() + " in " + part.generation();
        } else if (message instanceof WorkerReport.Ready ready) {
            return "Ready " + ready.firstStep() + " in " + ready.generation();
        }
        return message.toString();
    }

    // ---- processes ----

    /** A failure of this category is no fault of the coordinator's. */
    void excuse(String category) {
        excuses.add(category);
    }

    private void startWorker(int seat) {
        int life = lives.merge(seat, 1, Integer::sum);
        SimulatedWorker worker = new SimulatedWorker(this, seat, life);
        schedule.trace(worker.name() + " starts");
        processes.put(worker.name(), worker);
    }

    private void startCoordinator() {
        seats.clear();
        coordinator = new SimulatedCoordinator(this, ++coordinators, config);
    }

    void killForGood(SimulatedWorker worker) {
        end(worker);
        excuse("PEER");
    }

    void kill(SimulatedWorker worker) {
        kill(worker, schedule.between(50, 3000));
    }

    /** @param millis after which its launcher starts the next one */
    void kill(SimulatedWorker worker, long millis) {
        end(worker);
        schedule.after(millis, () -> startWorker(worker.seat()));
    }

    private void end(SimulatedWorker worker) {
        schedule.trace(worker.name() + " is killed");
        worker.kill();
        network.killed(worker.name());
    }

    /** The run takes it for lost; the cluster ends what it has of it, should it live. */
    private void lost(long pid) {
        workers().stream().filter(worker -> worker.pid() == pid).forEach(SimulatedWorker::expelled);
    }

    /** By the agent of another of its node. */
    void stopNeighbour(SimulatedWorker asked, long pid) {
        workers().stream()
                .filter(worker -> worker.pid() == pid && worker.node() == asked.node())
                .findFirst()
                .ifPresent(this::kill);
    }

    void killCoordinator() {
        if (!coordinator.alive()) {
            return;
        }
        SimulatedCoordinator dead = coordinator;
        schedule.trace(dead.name() + " is killed");
        dead.kill();
        network.killed(dead.name());
        workers().stream()
                .filter(worker -> worker.follows(dead))
                .forEach(worker -> worker.missCoordinator(schedule.between(500, 25_000)));
        schedule.after(schedule.between(50, 2000), () -> {
            workers().stream().filter(worker -> worker.node() == 0).forEach(SimulatedWorker::coordinatorLost);
            schedule.after(schedule.between(300, 2000), this::startCoordinator);
        });
    }

    /** Its process ends; the node's next one comes later. */
    void makesRoom(SimulatedWorker worker) {
        kill(worker, schedule.between(1000, 40_000));
    }

    /** A worker that was told that the run is over. If it is not, nobody starts that worker again. */
    void left(SimulatedWorker worker, Leave leave) {
        schedule.trace(worker.name() + " leaves: " + leave.reason());
        if (leave.reason().contains("makes room")) {
            Invariants.require(worker.leaving(), "%s is sent away, and was not told to make room", worker.name());
            makesRoom(worker);
            return;
        }
        schedule.after(5000, () -> Invariants.require(false, "%s was sent away: %s", worker.name(), leave.reason()));
    }
}
