package tutti.worker.agent;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorRefResolver;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import akka.actor.typed.Terminated;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import tutti.common.config.RunConfig;
import tutti.common.config.WorkerSeat;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.protocol.ClusterConfig;
import tutti.common.protocol.Join;
import tutti.common.protocol.Presence;
import tutti.common.protocol.WireMessage;
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
import tutti.worker.train.Backends;

/**
 * The worker's actor under one coordinator: joining, then working, until it is told to leave, or the coordinator is gone. How it ended
 * goes into a future. The training thread outlives it, with all that it holds.
 */
public final class WorkerAgent {
    /** 128 + SIGKILL. */
    private static final int KILLED = 137;

    private static final Duration JOIN_RETRY = Duration.ofMillis(300);
    private static final Duration PRESENCE = Duration.ofSeconds(1);
    /** The coordinator gives up first, with a better message. */
    private static final int JOIN_GRACE_SECONDS = 30;
    /** The news that the coordinator's actor stopped can overtake its last order. */
    private static final Duration LEAVE_GRACE = Duration.ofSeconds(3);

    private final ActorContext<Message> context;
    private final TimerScheduler<Message> timers;
    private final RunConfig config;
    private final WorkerSeat seat;
    private final GradientAddress address;
    private final Training training;
    private final Coordinator coordinator;
    private final CompletableFuture<Ending> outcome;
    private final ActorRef<WorkerCommand> commands;
    /** Leases of this generation that have come. */
    private long leases;
    /** Told so; each coordinator and generation has to hear it until one lets it go. */
    private boolean leaving;

    /** Of whatever coordinator is at the run's address now. */
    @FunctionalInterface
    interface Coordinator {
        ActorRef<WireMessage> membership(ActorSystem<?> system);
    }

    /** How it ended, where that is no failure. */
    public enum Ending {
        /** The run is over. */
        DONE,
        /** The coordinator is gone; another may come to its address. */
        COORDINATOR_LOST
    }

    /** What this actor hears, orders from the wire included. */
    public sealed interface Message {}

    private record Order(WorkerCommand command) implements Message {}

    private record TryJoin() implements Message {}

    private record TellPresence() implements Message {}

    private record JoinTimeout() implements Message {}

    private record CoordinatorGone() implements Message {}

    private record Left(long completed) implements Message {}

    private record Preempt() implements Message {}

    /** The coordinator is dead. */
    public static Message coordinatorLost() {
        return new CoordinatorGone();
    }

    /** This node is to make room. */
    public static Message preempt() {
        return new Preempt();
    }

    private WorkerAgent(
            ActorContext<Message> context,
            TimerScheduler<Message> timers,
            RunConfig config,
            WorkerSeat seat,
            GradientAddress address,
            Training training,
            Coordinator coordinator,
            CompletableFuture<Ending> outcome) {
        this.context = context;
        this.timers = timers;
        this.config = config;
        this.seat = seat;
        this.address = address;
        this.training = training;
        this.coordinator = coordinator;
        this.outcome = outcome;
        this.commands = context.messageAdapter(WorkerCommand.class, Order::new);
    }

    /** @param training of this process; has it begun under another coordinator, it is held first */
    public static Behavior<Message> create(
            RunConfig config,
            WorkerSeat seat,
            GradientAddress address,
            TrainingThread training,
            CompletableFuture<Ending> outcome) {
        String path = ClusterConfig.membershipPath(seat.masterAddr(), seat.masterPort());
        return create(
                config,
                seat,
                address,
                training,
                system -> ActorRefResolver.get(system).resolveActorRef(path),
                outcome);
    }

    static Behavior<Message> create(
            RunConfig config,
            WorkerSeat seat,
            GradientAddress address,
            Training training,
            Coordinator coordinator,
            CompletableFuture<Ending> outcome) {
        return Behaviors.setup(context -> Behaviors.withTimers(timers ->
                new WorkerAgent(context, timers, config, seat, address, training, coordinator, outcome).holding()));
    }

    private Behavior<Message> holding() {
        context.pipeToSelf(training.hold(), (completed, impossible) -> new Left(completed == null ? -1 : completed));
        return Behaviors.receive(Message.class)
                .onMessage(Left.class, left -> joining(left.completed()))
                .onMessage(CoordinatorGone.class, gone -> coordinatorGone(seat.rank()))
                .onMessage(Preempt.class, preempt -> preemptedEarly())
                .onMessage(Order.class, this::whileJoining)
                .onSignal(Terminated.class, this::terminated)
                .build();
    }

    private Behavior<Message> preemptedEarly() {
        return end(new TuttiException(
                Category.PREEMPTED, "rank %d: preempted while it was in no generation".formatted(seat.rank())));
    }

    private Behavior<Message> joining(long completed) {
        waitToBeTaken();
        // Before the cluster takes this node: it may wait for one that is dead, whose place this worker takes.
        timers.startTimerWithFixedDelay(new TryJoin(), Duration.ZERO, JOIN_RETRY);
        return Behaviors.receive(Message.class)
                .onMessage(TryJoin.class, event -> join(completed))
                .onMessage(CoordinatorGone.class, gone -> coordinatorGone(seat.rank()))
                .onMessage(
                        JoinTimeout.class,
                        event -> end(new TuttiException(
                                Category.PEER,
                                "rank %d: no answer from the coordinator at %s:%d in %d s"
                                        .formatted(seat.rank(), seat.masterAddr(), seat.masterPort(), joinSeconds()))))
                .onMessage(Preempt.class, preempt -> preemptedEarly())
                .onMessage(Order.class, this::whileJoining)
                .onSignal(Terminated.class, this::terminated)
                .build();
    }

    /** The coordinator, of a generation that this worker was in. */
    private Behavior<Message> terminated(Terminated signal) {
        timers.startSingleTimer(new CoordinatorGone(), LEAVE_GRACE);
        return Behaviors.same();
    }

    private void waitToBeTaken() {
        timers.startSingleTimer(new JoinTimeout(), Duration.ofSeconds(joinSeconds()));
    }

    private int joinSeconds() {
        return config.launch().rdzvTimeoutSeconds() + JOIN_GRACE_SECONDS;
    }

    private Behavior<Message> join(long completed) {
        membership()
                .tell(new Join(
                        seat.runId(),
                        seat.rank(),
                        seat.nodeRank(),
                        address.host(),
                        ProcessHandle.current().pid(),
                        Backends.device(config.train().backend(), config.train().device(), seat.localRank())
                                .toString(),
                        address.text(),
                        training.generation(),
                        completed,
                        commands));
        return Behaviors.same();
    }

    private ActorRef<WireMessage> membership() {
        return coordinator.membership(context.getSystem());
    }

    private Behavior<Message> whileJoining(Order order) {
        if (order.command() instanceof Assign assign && assign.generation() > training.generation()) {
            timers.cancelAll();
            context.watch(assign.replyTo());
            training.order(assign);
            return working(assign);
        }
        if (order.command() instanceof Leave leave) {
            return leave(leave);
        }
        if (order.command() instanceof StandBy) {
            waitToBeTaken();
            return Behaviors.same();
        }
        context.getLog().warn("{} came before a rank was given; ignored", order.command());
        return Behaviors.same();
    }

    private Behavior<Message> working(Assign assign) {
        if (leaving) {
            askToLeave(assign);
        }
        leases = 0;
        timers.startTimerWithFixedDelay(new TellPresence(), PRESENCE);
        return Behaviors.receive(Message.class)
                .onMessage(Order.class, order -> whileWorking(order.command(), assign))
                .onMessage(TryJoin.class, event -> Behaviors.same())
                .onMessage(JoinTimeout.class, event -> Behaviors.same())
                .onMessage(TellPresence.class, event -> {
                    membership().tell(new Presence(commands));
                    endIfHung();
                    return Behaviors.same();
                })
                .onMessage(Preempt.class, event -> {
                    leaving = true;
                    askToLeave(assign);
                    return Behaviors.same();
                })
                .onSignal(Terminated.class, this::terminated)
                .onMessage(Left.class, left -> Behaviors.same())
                .onMessage(CoordinatorGone.class, gone -> coordinatorGone(assign.rank()))
                .build();
    }

    private static void askToLeave(Assign assign) {
        assign.replyTo().tell(new WorkerReport.Preempted(assign.rank(), assign.generation()));
    }

    private Behavior<Message> coordinatorGone(int rank) {
        if (leaving) {
            training.stop();
            return preemptedEarly();
        }
        if (config.launch().maxRestarts() > 0) {
            outcome.complete(Ending.COORDINATOR_LOST);
            return Behaviors.stopped();
        }
        training.stop();
        return end(new TuttiException(
                Category.PEER,
                "rank %d: the coordinator at %s:%d is gone".formatted(rank, seat.masterAddr(), seat.masterPort())));
    }

    private Behavior<Message> whileWorking(WorkerCommand command, Assign assign) {
        if (command instanceof Leave leave) {
            training.stop();
            return leave(leave);
        }
        if (command instanceof Assign next && next.generation() > assign.generation()) {
            training.order(next);
            return working(next);
        }
        if (command instanceof Begin begin && begin.generation() == assign.generation()) {
            training.order(begin);
        } else if (command instanceof Lease lease && lease.generation() == assign.generation()) {
            // One that comes once more is behind it.
            if (lease.number() >= leases) {
                leases = lease.number() + 1;
                training.order(lease);
            }
        } else if (command instanceof Finish finish && finish.generation() == assign.generation()) {
            training.order(finish);
        } else if (command instanceof Hold hold && hold.generation() == assign.generation()) {
            assign.replyTo()
                    .tell(new WorkerReport.Holding(
                            assign.rank(),
                            assign.generation(),
                            training.progress().doing(),
                            training.progress().still() / 1_000_000));
            training.hold();
        } else if (command instanceof StopHung stop && stop.generation() == assign.generation()) {
            stopHung(stop.pid());
        } else if (command instanceof NotKnown) {
            return coordinatorGone(assign.rank());
        } else if (command instanceof StandBy standBy) {
            // Left out by the next generation: what it holds may be needed in one after that.
            return standBy.generation() > assign.generation() ? standingBy() : Behaviors.same();
        } else if (!(command instanceof Assign)) {
            context.getLog().warn("{} is of another generation than {}; ignored", command, assign.generation());
        }
        return Behaviors.same();
    }

    private Behavior<Message> standingBy() {
        timers.cancel(new TellPresence());
        return leaving ? preemptedEarly() : holding();
    }

    /** Others wait for it long before, and say so; one that is alone has nobody. */
    private void endIfHung() {
        if (training.progress().stuck() > config.allReduce().hung().toNanos()) {
            endHung();
        }
    }

    private void endHung() {
        context.getLog()
                .error(
                        "the training thread hangs ({}); this process ends to be started again\n{}",
                        training.progress().doing(),
                        ThreadStacks.all());
        // As if it were killed by another, which its agent takes for a reason to start it again.
        Runtime.getRuntime().halt(KILLED);
    }

    private void stopHung(long pid) {
        if (pid == ProcessHandle.current().pid()) {
            endHung();
        }
        Optional<ProcessHandle> parent = ProcessHandle.current().parent();
        ProcessHandle.of(pid)
                .filter(process -> parent.isPresent() && process.parent().equals(parent))
                .ifPresentOrElse(
                        process -> {
                            context.getLog().warn("pid {} hangs; it is killed", pid);
                            process.destroyForcibly();
                        },
                        () -> context.getLog().warn("pid {} is no worker of this node; left alone", pid));
    }

    private Behavior<Message> leave(Leave leave) {
        context.getLog().info("leaving: {}", leave.reason());
        // On the first node the coordinator says it, once, and gives the run its exit code.
        leave.failure()
                .filter(category -> seat.nodeRank() > 0)
                .ifPresentOrElse(
                        category -> outcome.completeExceptionally(new TuttiException(category, leave.reason())),
                        () -> outcome.complete(Ending.DONE));
        return Behaviors.stopped();
    }

    private Behavior<Message> end(TuttiException cause) {
        outcome.completeExceptionally(cause);
        return Behaviors.stopped();
    }
}
