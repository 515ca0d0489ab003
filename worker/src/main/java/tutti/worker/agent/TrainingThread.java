package tutti.worker.agent;

import akka.actor.typed.ActorRef;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.common.config.RunConfig;
import tutti.common.config.WorkerSeat;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.protocol.Peer;
import tutti.common.protocol.WorkerCommand.Assign;
import tutti.common.protocol.WorkerCommand.Begin;
import tutti.common.protocol.WorkerCommand.Lease;
import tutti.common.protocol.WorkerReport;
import tutti.worker.allreduce.FlightRecorder;
import tutti.worker.allreduce.Group;
import tutti.worker.allreduce.Topology;
import tutti.worker.allreduce.TreeAllReduce;
import tutti.worker.train.Host;
import tutti.worker.train.TrainLoop;
import tutti.worker.train.Trainer;

/**
 * The thread that loads and trains, for one generation. It reports straight to the coordinator; what goes wrong is reported too,
 * and the coordinator decides. Orders reach it through a queue.
 */
final class TrainingThread {
    private static final Logger LOG = LoggerFactory.getLogger(TrainingThread.class);
    /** Leases come ahead of need, except before a checkpoint while one is written: there a rank waits for the slowest writer. */
    private static final Duration LEASE_DEADLINE = Duration.ofMinutes(30);
    /** The slowest peer's model load lies between this rank's Ready and the coordinator's Begin. */
    private static final Duration BEGIN_DEADLINE = Duration.ofMinutes(30);

    private final RunConfig config;
    private final WorkerSeat seat;
    private final GradientAddress address;
    private final Assign assign;
    private final ActorRef<WorkerReport> coordinator;
    private final CompletableFuture<Begin> begun = new CompletableFuture<>();
    private final BlockingQueue<Lease> leases = new LinkedBlockingQueue<>();
    private final Thread thread;

    private TrainingThread(RunConfig config, WorkerSeat seat, GradientAddress address, Assign assign) {
        this.config = config;
        this.seat = seat;
        this.address = address;
        this.assign = assign;
        this.coordinator = assign.replyTo();
        this.thread = new Thread(this::run, "tutti-train");
        this.thread.setDaemon(true);
    }

    static TrainingThread start(RunConfig config, WorkerSeat seat, GradientAddress address, Assign assign) {
        TrainingThread training = new TrainingThread(config, seat, address, assign);
        training.thread.start();
        return training;
    }

    void begin(Begin begin) {
        begun.complete(begin);
    }

    void lease(Lease lease) {
        leases.add(lease);
    }

    /** Ends the thread at its next wait; nothing it holds outlives the process. */
    void stop() {
        thread.interrupt();
    }

    private void run() {
        try {
            train();
        } catch (Stopped e) {
            LOG.info("training stopped");
        } catch (TuttiException e) {
            // The coordinator prints the first of these lines; one from every rank would bury it.
            LOG.debug("reported to the coordinator", e);
            fail(e.category(), e.getMessage());
        } catch (RuntimeException | Error e) {
            LOG.error("training failed", e);
            fail(Category.BUG, "rank %d: %s; see logs/rank-%d.log".formatted(assign.rank(), e, assign.rank()));
        }
    }

    private void train() {
        int rank = assign.rank();
        int generation = assign.generation();
        Path resume = assign.resumeFrom().isEmpty() ? null : Path.of(assign.resumeFrom());
        List<String> hosts = assign.peers().stream().map(Peer::host).toList();
        Group group =
                new Group(Long.parseUnsignedLong(assign.runId(), 16), generation, rank, hosts, assign.gradientKey());
        if (group.key().isPresent()) {
            LOG.info("frames of generation {} are signed", generation);
        }
        Duration deadline = Duration.ofSeconds(config.allReduce().timeoutSeconds());
        Topology topology =
                Topology.of(assign.peers().stream().map(Peer::nodeRank).toList());
        GradientMemory gradients = GradientMemory.of(topology, rank, GradientCollectives.sharedMemory(seat.aeronDir()));
        Host host = new Host(
                seat.localRank(), seat.threads(), System::nanoTime, ProcessMemory::startOfPeak, gradients::bytes);
        try (TreeAllReduce collectives = GradientCollectives.open(
                        seat.aeronDir(),
                        group,
                        address,
                        assign.peers(),
                        gradients,
                        config.train().backend(),
                        deadline,
                        this::stalled,
                        new FlightRecorder(lastCollectives(), System::nanoTime, InstantSource.system()));
                Trainer trainer = Trainer.load(config, collectives, resume, host)) {
            coordinator.tell(new WorkerReport.Ready(
                    rank,
                    generation,
                    trainer.samples(),
                    trainer.labelledTokens(),
                    trainer.fingerprint(),
                    trainer.parameters(),
                    trainer.firstStep(),
                    trainer.plan().total(),
                    trainer.notes()));
            Begin begin = awaitBegin();
            TrainLoop loop = new TrainLoop(trainer, config.output());
            loop.run(
                    begin.firstStep(),
                    begin.totalSteps(),
                    this::nextLease,
                    new Reporter(coordinator, rank, generation, () -> measuredBytes(trainer)));
            if (collectives.dropped().total() > 0) {
                LOG.warn("all-reduce: frames dropped: {}", collectives.dropped());
            }
        }
    }

    private void stalled(String report) {
        LOG.warn("{}", report);
        coordinator.tell(new WorkerReport.Stalled(assign.rank(), assign.generation(), report));
    }

    private Path lastCollectives() {
        return config.output().folder().resolve("logs").resolve("rank-%d-collectives.jsonl".formatted(assign.rank()));
    }

    /** 0 where a device of its own holds what was planned: the system counts the process's memory alone. */
    private static long measuredBytes(Trainer trainer) {
        return trainer.device().cuda() ? 0 : Math.max(0, ProcessMemory.peakBytes() - trainer.baseBytes());
    }

    private Begin awaitBegin() {
        try {
            return begun.get(BEGIN_DEADLINE.toSeconds(), TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            throw new Stopped();
        } catch (ExecutionException e) {
            throw new IllegalStateException(e);
        } catch (TimeoutException e) {
            throw late("Begin", BEGIN_DEADLINE);
        }
    }

    private Lease nextLease() {
        try {
            Lease lease = leases.poll(LEASE_DEADLINE.toSeconds(), TimeUnit.SECONDS);
            if (lease == null) {
                throw late("the next lease", LEASE_DEADLINE);
            }
            return lease;
        } catch (InterruptedException e) {
            throw new Stopped();
        }
    }

    private TuttiException late(String what, Duration deadline) {
        return new TuttiException(
                Category.PEER,
                "rank %d: %s did not come from the coordinator in %d s"
                        .formatted(assign.rank(), what, deadline.toSeconds()));
    }

    private void fail(Category category, String message) {
        coordinator.tell(new WorkerReport.Failed(assign.rank(), assign.generation(), category, message));
    }

    /** The agent asked for an end. */
    private static final class Stopped extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }
}
