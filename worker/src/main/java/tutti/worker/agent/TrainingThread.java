package tutti.worker.agent;

import akka.actor.typed.ActorRef;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.common.config.RunConfig;
import tutti.common.config.WorkerSeat;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.protocol.Peer;
import tutti.common.protocol.WorkerCommand;
import tutti.common.protocol.WorkerCommand.Assign;
import tutti.common.protocol.WorkerCommand.Begin;
import tutti.common.protocol.WorkerCommand.Finish;
import tutti.common.protocol.WorkerCommand.Hold;
import tutti.common.protocol.WorkerCommand.Lease;
import tutti.common.protocol.WorkerReport;
import tutti.common.protocol.WorkerReport.Evaluated;
import tutti.common.protocol.WorkerReport.StepDone;
import tutti.worker.allreduce.FlightRecorder;
import tutti.worker.allreduce.Group;
import tutti.worker.allreduce.Topology;
import tutti.worker.allreduce.TreeAllReduce;
import tutti.worker.evaluate.HeldOutEvaluation;
import tutti.worker.train.Host;
import tutti.worker.train.NonfiniteStep;
import tutti.worker.train.Origin;
import tutti.worker.train.Progress;
import tutti.worker.train.TrainLoop;
import tutti.worker.train.Trainer;

/**
 * The thread that loads and trains, one generation after the other. It reports straight to the coordinator; what goes wrong is reported
 * too, and the coordinator decides. Orders reach it through a queue. Weights, optimizer state and data stay with it when another worker
 * is lost: {@link #hold} ends what it does in that generation, and it answers with what it has.
 */
public final class TrainingThread implements Training {
    private static final Logger LOG = LoggerFactory.getLogger(TrainingThread.class);
    /** Orders come ahead of need, except before a checkpoint while one is written: there a rank waits for the slowest writer. */
    private static final Duration ORDER_DEADLINE = Duration.ofMinutes(30);

    private static final long NOTHING = -1;

    private final RunConfig config;
    private final WorkerSeat seat;
    private final GradientAddress address;
    private final BlockingQueue<WorkerCommand> orders = new LinkedBlockingQueue<>();
    private final Thread thread;
    private final Deque<StepDone> recent = new ArrayDeque<>();
    private final Deque<Evaluated> evaluated = new ArrayDeque<>();
    private final Progress progress = new Progress(System::nanoTime);
    private Trainer trainer;

    /** Of the generation that runs now; written by this thread, closed by another to hold it. */
    private volatile TreeAllReduce collectives;

    /** The newest generation that was ordered, and the newest that is to end. */
    private volatile int ordered;

    private volatile int held;
    /** What is left when the newest generation has ended: steps behind a whole state, or -1. */
    private volatile CompletableFuture<Long> left = CompletableFuture.completedFuture(NOTHING);

    /** Starts with its first order. */
    public TrainingThread(RunConfig config, WorkerSeat seat, GradientAddress address) {
        this.config = config;
        this.seat = seat;
        this.address = address;
        this.thread = new Thread(this::run, "tutti-train");
        this.thread.setDaemon(true);
    }

    @Override
    public void order(WorkerCommand command) {
        if (command instanceof Assign assign) {
            ordered = assign.generation();
            left = new CompletableFuture<>();
        }
        orders.add(command);
        if (thread.getState() == Thread.State.NEW) {
            thread.start();
        }
    }

    @Override
    public int generation() {
        return ordered;
    }

    @Override
    public CompletableFuture<Long> hold() {
        Hold hold = new Hold(ordered);
        held = hold.generation();
        orders.add(hold);
        TreeAllReduce running = collectives;
        if (running != null) {
            Thread closer = new Thread(running::close, "tutti-hold-" + hold.generation());
            closer.setDaemon(true);
            closer.start();
        }
        return left;
    }

    @Override
    public Progress progress() {
        return progress;
    }

    @Override
    public void stop() {
        thread.interrupt();
    }

    private void run() {
        try {
            while (true) {
                // No deadline: the coordinator has one for those that are missing, and Leave ends this thread.
                if (take(Long.MAX_VALUE) instanceof Assign assign) {
                    generation(assign);
                }
            }
        } catch (Stopped e) {
            LOG.debug("training stopped");
        } finally {
            if (trainer != null) {
                trainer.close();
            }
        }
    }

    /** Returns when the generation is to be held, whether it went well until then or not. */
    private void generation(Assign assign) {
        ActorRef<WorkerReport> coordinator = assign.replyTo();
        int rank = assign.rank();
        try {
            train(assign);
        } catch (Stopped e) {
            throw e;
        } catch (HeldBack e) {
            LOG.info("generation {} is held", assign.generation());
        } catch (NonfiniteStep e) {
            LOG.warn("step {}: {}", e.step() + 1, e.getMessage());
            coordinator.tell(new WorkerReport.Nonfinite(rank, assign.generation(), e.step(), e.getMessage()));
        } catch (TuttiException e) {
            // The coordinator prints the first of these lines; one from every rank would bury it.
            LOG.debug("reported to the coordinator", e);
            fail(assign, e.category(), e.getMessage());
        } catch (RuntimeException | Error e) {
            LOG.error("training failed", e);
            fail(assign, Category.BUG, "rank %d: %s; see logs/rank-%d.log".formatted(rank, e, rank));
        }
        collectives = null;
        awaitHold(assign);
        long completed = trainer != null && trainer.holdsWhole() ? trainer.completed() : NOTHING;
        coordinator.tell(new WorkerReport.Held(rank, assign.generation(), completed));
        left.complete(completed);
    }

    private void awaitHold(Assign assign) {
        while (held < assign.generation()) {
            // No deadline: the run may be over for this rank; the process ends with Leave or its coordinator.
            take(Long.MAX_VALUE);
        }
    }

    private void train(Assign assign) {
        int rank = assign.rank();
        int generation = assign.generation();
        ActorRef<WorkerReport> coordinator = assign.replyTo();
        List<String> hosts = assign.peers().stream().map(Peer::host).toList();
        Group group =
                new Group(Long.parseUnsignedLong(assign.runId(), 16), generation, rank, hosts, assign.gradientKey());
        if (group.key().isPresent()) {
            LOG.info("frames of generation {} are signed", generation);
        }
        Topology topology =
                Topology.of(assign.peers().stream().map(Peer::nodeRank).toList());
        GradientMemory gradients = GradientMemory.of(topology, rank, GradientCollectives.sharedMemory(seat.aeronDir()));
        try (TreeAllReduce opened = GradientCollectives.open(
                seat.aeronDir(),
                group,
                address,
                assign.peers(),
                gradients,
                config.train().backend(),
                Duration.ofSeconds(config.allReduce().timeoutSeconds()),
                report -> stalled(assign, report),
                new FlightRecorder(lastCollectives(rank), System::nanoTime, InstantSource.system()))) {
            collectives = opened;
            requireNotHeld(generation);
            take(assign, opened, gradients);
            recent.forEach(done -> coordinator.tell(done.in(generation, rank)));
            evaluated.forEach(found -> coordinator.tell(found.in(generation, rank)));
            coordinator.tell(new WorkerReport.Ready(
                    rank,
                    generation,
                    trainer.samples(),
                    trainer.labelledTokens(),
                    trainer.fingerprintOfAll(),
                    trainer.parameters(),
                    assign.stateFrom() < 0 ? trainer.completed() : -1,
                    trainer.plan().total(),
                    trainer.notes()));
            Begin begin = next(Begin.class);
            if (assign.stateFrom() >= 0) {
                progress.waits("taking the state of rank " + assign.stateFrom());
                trainer.receive(assign.stateFrom(), begin.firstStep());
            } else {
                trainer.skipTo(begin.firstStep());
            }
            new TrainLoop(
                            trainer,
                            config.output(),
                            config.eval().loadBest(),
                            new HeldOutEvaluation(
                                    trainer, config.eval(), config.plan().evalBatchSize()))
                    .run(
                            begin,
                            new FromCoordinator(),
                            new Reporter(
                                    coordinator, rank, generation, recent, evaluated, () -> measuredBytes(trainer)));
            if (opened.dropped().total() > 0) {
                LOG.warn("all-reduce: frames dropped: {}", opened.dropped());
            }
        } catch (TuttiException e) {
            // Closed under it: what it was waiting for is no failure of its own.
            requireNotHeld(generation);
            throw e;
        }
    }

    /** Loads everything, or joins with what this worker has. */
    private void take(Assign assign, TreeAllReduce opened, GradientMemory gradients) {
        progress.waits("loading");
        Origin origin = assign.stateFrom() >= 0
                ? new Origin.Peer(assign.stateFrom())
                : assign.resumeFrom().isEmpty()
                        ? new Origin.Model()
                        : new Origin.Checkpoint(Path.of(assign.resumeFrom()));
        if (trainer != null && !trainer.fits(opened)) {
            LOG.info("rank or world size is not that of the shard held here: everything is loaded again");
            trainer.close();
            trainer = null;
        }
        if (trainer == null) {
            Host host = new Host(
                    seat.localRank(),
                    seat.threads(),
                    System::nanoTime,
                    progress,
                    new LoadingReports(
                            progress,
                            System::nanoTime,
                            doing -> assign.replyTo()
                                    .tell(new WorkerReport.Loading(assign.rank(), assign.generation(), doing))),
                    ProcessMemory::startOfPeak,
                    gradients::bytes);
            trainer = Trainer.load(config, opened, origin, host);
        } else {
            trainer.rejoin(opened, origin, gradients::bytes);
        }
    }

    private void requireNotHeld(int generation) {
        if (held >= generation) {
            throw new HeldBack();
        }
    }

    private void stalled(Assign assign, String report) {
        LOG.warn("{}", report);
        assign.replyTo().tell(new WorkerReport.Stalled(assign.rank(), assign.generation(), report));
    }

    private Path lastCollectives(int rank) {
        return config.output().folder().resolve("logs").resolve("rank-%d-collectives.jsonl".formatted(rank));
    }

    /** 0 where a device of its own holds what was planned: the system counts the process's memory alone. */
    private static long measuredBytes(Trainer trainer) {
        return trainer.device().cuda() ? 0 : Math.max(0, ProcessMemory.peakBytes() - trainer.baseBytes());
    }

    private final class FromCoordinator implements TrainLoop.Orders {
        @Override
        public Lease nextLease() {
            return next(Lease.class);
        }

        @Override
        public Optional<Lease> known() {
            return orders.peek() instanceof Lease lease ? Optional.of(lease) : Optional.empty();
        }

        @Override
        public Finish finish() {
            return next(Finish.class);
        }
    }

    /** The next order of this kind; others are of a generation that is over. */
    private <T extends WorkerCommand> T next(Class<T> kind) {
        while (true) {
            WorkerCommand order = take(ORDER_DEADLINE.toSeconds());
            if (order instanceof Hold) {
                throw new HeldBack();
            }
            if (kind.isInstance(order)) {
                return kind.cast(order);
            }
            if (order == null) {
                throw new TuttiException(
                        Category.PEER,
                        "rank %d: %s did not come from the coordinator in %d s"
                                .formatted(seat.rank(), kind.getSimpleName(), ORDER_DEADLINE.toSeconds()));
            }
        }
    }

    private WorkerCommand take(long seconds) {
        progress.waits("waiting for orders");
        try {
            return orders.poll(seconds, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            throw new Stopped();
        }
    }

    private static void fail(Assign assign, Category category, String message) {
        assign.replyTo().tell(new WorkerReport.Failed(assign.rank(), assign.generation(), category, message));
    }

    /** The agent asked for an end. */
    private static final class Stopped extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }

    /** The coordinator asked for the end of this generation. */
    private static final class HeldBack extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }
}
