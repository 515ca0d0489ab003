package tutti.coordinator.simulation;

import akka.actor.typed.ActorRef;
import akka.actor.typed.javadsl.Behaviors;
import java.util.Optional;
import tutti.common.protocol.Join;
import tutti.common.protocol.Presence;
import tutti.common.protocol.WorkerCommand;
import tutti.common.protocol.WorkerCommand.Assign;
import tutti.common.protocol.WorkerCommand.Begin;
import tutti.common.protocol.WorkerCommand.Finish;
import tutti.common.protocol.WorkerCommand.Hold;
import tutti.common.protocol.WorkerCommand.Lease;
import tutti.common.protocol.WorkerCommand.Leave;
import tutti.common.protocol.WorkerCommand.NotKnown;
import tutti.common.protocol.WorkerCommand.StandBy;
import tutti.common.protocol.WorkerCommand.StopHung;
import tutti.common.protocol.WorkerReport;

/** A worker process, as the worker's agent is: joins, works, and under the next coordinator joins again with what it holds. */
final class SimulatedWorker {
    private static final long JOIN_RETRY = 300;
    private static final long LEAVE_GRACE = 3000;
    private static final long PRESENCE = 1000;
    /** Faults that come meanwhile included: a minute that somebody is cut off, the time for which others are waited for, and again. */
    private static final long LEAVES_WITHIN = 100_000;

    private final SimulatedCluster cluster;
    private final Schedule schedule;
    private final int seat;
    private final long pid;
    private final String name;
    private final SimulatedTraining training;
    private boolean alive = true;
    private long hungUntil;
    /** One agent for each coordinator; what is sent to an older one finds nobody. */
    private int agent;

    private boolean listens;
    /** Of this generation, that have come. */
    private long leases;
    /** Told to make room, until a coordinator lets it go. */
    private boolean leaving;

    /** Generations that it was taken into since. */
    private int since;

    private ActorRef<WorkerCommand> commands;
    private Optional<Assign> assign = Optional.empty();
    private SimulatedCoordinator coordinator;

    /** @param life of this seat, from 1 */
    SimulatedWorker(SimulatedCluster cluster, int seat, int life) {
        this.cluster = cluster;
        this.schedule = cluster.schedule();
        this.seat = seat;
        this.pid = 100L * (seat + 1) + life;
        this.name = "w%d.%d".formatted(seat, life);
        this.training = new SimulatedTraining(this, cluster);
        later(schedule.between(300, 2000), this::newAgent);
    }

    String name() {
        return name;
    }

    int seat() {
        return seat;
    }

    long pid() {
        return pid;
    }

    int node() {
        return cluster.settings().node(seat);
    }

    boolean alive() {
        return alive;
    }

    SimulatedTraining training() {
        return training;
    }

    /** What this process does then, if it lives; one that hangs does it when it wakes. */
    void later(long millis, Runnable what) {
        schedule.after(millis, () -> {
            if (alive && schedule.now() < hungUntil) {
                later(hungUntil - schedule.now(), what);
            } else if (alive) {
                what.run();
            }
        });
    }

    // ---- what happens to it ----

    void kill() {
        alive = false;
        giveUp(schedule.between(200, 35_000));
    }

    void hang(long millis) {
        hungUntil = schedule.now() + millis;
    }

    /** Its coordinator notices the end of this agent then. */
    void giveUp(long millis) {
        if (commands != null) {
            ActorRef<WorkerCommand> gone = commands;
            schedule.after(millis, () -> cluster.giveUp(gone));
        }
    }

    /** The launcher says so. */
    void coordinatorLost() {
        int mine = agent;
        later(schedule.between(0, 200), () -> coordinatorGone(mine));
    }

    /** The cluster says so, or will. */
    void missCoordinator(long millis) {
        int mine = agent;
        if (assign.isPresent()) {
            later(millis + LEAVE_GRACE, () -> coordinatorGone(mine));
        }
    }

    /** From its coordinator, as the cluster on this side says: this agent ends. */
    void cutOff() {
        coordinatorGone(agent);
    }

    /** The run has given it up: this agent ends, if it is the one that was given up. */
    void expelled() {
        int mine = agent;
        giveUp(0);
        later(schedule.between(1000, 10_000), () -> coordinatorGone(mine));
    }

    ActorRef<WorkerCommand> commands() {
        return commands;
    }

    boolean leaving() {
        return leaving;
    }

    boolean follows(SimulatedCoordinator one) {
        return assign.isPresent() && coordinator == one;
    }

    void preempt() {
        leaving = true;
        assign.ifPresentOrElse(this::askToLeave, () -> cluster.makesRoom(this));
        schedule.after(
                LEAVES_WITHIN,
                () -> Invariants.require(
                        !alive, "%s was told to make room, and is here %d ms later", name, LEAVES_WITHIN));
    }

    private void askToLeave(Assign mine) {
        cluster.tellRun(this, mine, coordinator, new WorkerReport.Preempted(mine.rank(), mine.generation()));
    }

    // ---- its agent ----

    private void newAgent() {
        agent++;
        int mine = agent;
        listens = false;
        assign = Optional.empty();
        commands = cluster.spawn(name + "-" + mine, Behaviors.receiveMessage(command -> {
            SimulatedCoordinator from = cluster.coordinator();
            cluster.network().send(from.name(), name, "orders", () -> later(0, () -> hear(mine, command, from)));
            return Behaviors.same();
        }));
        joinWithWhatIsHeld(mine);
    }

    private void joinWithWhatIsHeld(int mine) {
        training.hold(completed -> later(0, () -> {
            if (agent == mine) {
                listens = true;
                join(mine, completed);
            }
        }));
    }

    private void join(int mine, long completed) {
        if (agent != mine || assign.isPresent()) {
            return;
        }
        Join join = new Join(
                SimulatedCluster.RUN,
                seat,
                node(),
                "host" + node(),
                pid,
                "cpu",
                name,
                training.generation(),
                completed,
                commands);
        cluster.tellMembership(this, join);
        later(JOIN_RETRY, () -> join(mine, completed));
    }

    private void coordinatorGone(int mine) {
        if (agent != mine) {
            return;
        }
        schedule.trace(name + " knows that its coordinator is gone");
        if (leaving) {
            cluster.makesRoom(this);
            return;
        }
        agent++;
        assign = Optional.empty();
        giveUp(schedule.between(0, 30_000));
        later(schedule.between(200, 1500), this::newAgent);
    }

    private void hear(int mine, WorkerCommand command, SimulatedCoordinator from) {
        if (agent != mine || !listens) {
            return;
        }
        schedule.trace(name + " hears " + SimulatedCluster.brief(command) + " from " + from.name());
        if (command instanceof Leave leave) {
            cluster.left(this, leave);
        } else if (assign.isEmpty()) {
            if (command instanceof Assign first && first.generation() > training.generation()) {
                accept(first, from);
            }
        } else {
            work(command, from, assign.get());
        }
    }

    private void accept(Assign next, SimulatedCoordinator from) {
        assign = Optional.of(next);
        coordinator = from;
        leases = 0;
        training.order(next, from);
        tellPresence(agent, next);
        if (leaving) {
            Invariants.require(
                    ++since <= 3, "%s was told to make room, and generation %d has it again", name, next.generation());
            askToLeave(next);
        }
        if (!from.alive()) {
            missCoordinator(schedule.between(500, 25_000));
        }
    }

    private void tellPresence(int mine, Assign now) {
        later(PRESENCE, () -> {
            if (agent == mine && assign.filter(now::equals).isPresent()) {
                cluster.tellPresence(this, new Presence(commands));
                tellPresence(mine, now);
            }
        });
    }

    private void work(WorkerCommand command, SimulatedCoordinator from, Assign now) {
        if (command instanceof Assign next && next.generation() > now.generation()) {
            accept(next, from);
        } else if (command instanceof Lease lease && lease.generation() == now.generation()) {
            if (lease.number() >= leases) {
                leases = lease.number() + 1;
                training.order(command, from);
            }
        } else if (command instanceof Begin begin && begin.generation() == now.generation()
                || command instanceof Finish finish && finish.generation() == now.generation()) {
            training.order(command, from);
        } else if (command instanceof Hold hold && hold.generation() == now.generation()) {
            cluster.tellRun(this, now, from, new WorkerReport.Holding(now.rank(), now.generation(), "training", 0));
            training.hold(completed -> {});
        } else if (command instanceof StandBy standBy && standBy.generation() > now.generation()) {
            assign = Optional.empty();
            if (leaving) {
                cluster.makesRoom(this);
            } else {
                joinWithWhatIsHeld(agent);
            }
        } else if (command instanceof NotKnown) {
            coordinatorGone(agent);
        } else if (command instanceof StopHung stop && stop.generation() == now.generation()) {
            cluster.stopNeighbour(this, stop.pid());
        }
    }
}
