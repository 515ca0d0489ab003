package tutti.coordinator.simulation;

import akka.actor.typed.ActorRef;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import tutti.common.config.RunConfig;
import tutti.common.protocol.ClusterConfig;
import tutti.common.protocol.WireMessage;
import tutti.coordinator.ledger.Past;
import tutti.coordinator.ledger.RunLedger;
import tutti.coordinator.run.Announcer;
import tutti.coordinator.run.ResumePoint;
import tutti.coordinator.run.RunActor;
import tutti.coordinator.run.RunMeters;
import tutti.coordinator.run.RunStatus;
import tutti.coordinator.run.StatusBoard;
import tutti.coordinator.run.Terminal;

/** A coordinator process: the real run and membership actors, started as CoordinatorMain starts them, with the ledger that was left. */
final class SimulatedCoordinator {
    private static final PrintStream NOBODY = new PrintStream(OutputStream.nullOutputStream());

    private final SimulatedCluster cluster;
    private final String name;
    private final RunLedger ledger;
    private final CompletableFuture<Void> outcome = new CompletableFuture<>();
    private final ActorRef<RunActor.Message> run;
    private final ActorRef<WireMessage> membership;
    private boolean alive = true;

    /** @param life from 1 */
    SimulatedCoordinator(SimulatedCluster cluster, int life, RunConfig config) {
        this.cluster = cluster;
        this.name = "c" + life;
        Path output = cluster.output();
        LongSupplier clock =
                () -> TimeUnit.MILLISECONDS.toNanos(cluster.schedule().now());
        ledger = new RunLedger(
                config.ledger(),
                output,
                SimulatedCluster.RUN,
                life > 1,
                Map.of(),
                () -> Instant.ofEpochMilli(cluster.schedule().now()));
        Optional<Past> past = life == 1 ? Optional.empty() : ledger.past();
        String resumeFrom = past.map(ResumePoint::lastCommit).orElse("");
        ledger.happened(
                past.isEmpty() ? "run_started" : "coordinator_restarted",
                Map.of("run", SimulatedCluster.RUN, "resume_from", resumeFrom));
        StatusBoard board = new StatusBoard(RunStatus.forming("r", "m", 1, 1, 0, output.toString()));
        Announcer announcer = new Announcer(
                board, new RunMeters(new SimpleMeterRegistry()), new Terminal(NOBODY, false, 80, clock), clock);
        run = cluster.spawn(
                name,
                RunActor.create(
                        config,
                        SimulatedCluster.RUN,
                        resumeFrom,
                        past.orElse(Past.NONE),
                        ledger,
                        announcer,
                        clock,
                        Disk::new,
                        outcome));
        membership = cluster.actors().child(run, ClusterConfig.MEMBERSHIP);
        cluster.schedule().trace(name + " starts, resumes from '" + resumeFrom + "'");
    }

    String name() {
        return name;
    }

    boolean alive() {
        return alive;
    }

    ActorRef<RunActor.Message> run() {
        return run;
    }

    ActorRef<WireMessage> membership() {
        return membership;
    }

    /** Of the run, as long as this coordinator lives. */
    CompletableFuture<Void> outcome() {
        return outcome;
    }

    void kill() {
        alive = false;
        cluster.actors().freeze(run);
        ledger.close();
    }

    void close() {
        ledger.close();
    }

    /** Takes its time for every task, and does nothing more when the process is dead. */
    private final class Disk extends AbstractExecutorService {
        private boolean closed;
        private long free;

        @Override
        public void execute(Runnable task) {
            Schedule schedule = cluster.schedule();
            free = Math.max(free, schedule.now())
                    + (schedule.chance(0.1) ? schedule.between(500, 5000) : schedule.between(1, 100));
            schedule.after(free - schedule.now(), () -> {
                if (alive) {
                    task.run();
                    cluster.invariants().committed();
                }
            });
        }

        @Override
        public void shutdown() {
            closed = true;
        }

        @Override
        public List<Runnable> shutdownNow() {
            closed = true;
            return List.of();
        }

        @Override
        public boolean isShutdown() {
            return closed;
        }

        @Override
        public boolean isTerminated() {
            return closed;
        }

        @Override
        public boolean awaitTermination(long time, TimeUnit unit) {
            return closed;
        }
    }
}
