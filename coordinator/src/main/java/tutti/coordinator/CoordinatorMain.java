package tutti.coordinator;

import akka.actor.typed.ActorSystem;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.LoggerFactory;
import tutti.common.checkpoint.Checkpoints;
import tutti.common.config.CoordinatorSeat;
import tutti.common.config.RunConfig;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.protocol.ClusterConfig;
import tutti.coordinator.console.ConsoleOptions;
import tutti.coordinator.console.ConsoleServer;
import tutti.coordinator.ledger.Past;
import tutti.coordinator.ledger.RunLedger;
import tutti.coordinator.run.Announcer;
import tutti.coordinator.run.ResumePoint;
import tutti.coordinator.run.RunActor;
import tutti.coordinator.run.RunControl;
import tutti.coordinator.run.RunMeters;
import tutti.coordinator.run.RunStatus;
import tutti.coordinator.run.StatusBoard;
import tutti.coordinator.run.Terminal;

/** The coordinator process: wires ledger, console and actors, and waits for the end of the run. */
public final class CoordinatorMain {
    private static final long LEAVE_SECONDS = 10;

    private CoordinatorMain() {}

    /**
     * Conducts one run.
     *
     * @param control through which the process asks for a save or an early end
     * @return 0
     * @throws TuttiException the first cause, if the run fails
     */
    public static int run(RunConfig config, CoordinatorSeat seat, RunControl control) {
        Path output = config.output().folder();
        Terminal terminal = new Terminal(System.out, seat.progressBar(), seat.columns(), System::nanoTime);
        PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        RunMeters meters = new RunMeters(registry);
        StatusBoard board = new StatusBoard(RunStatus.forming(
                seat.runId(),
                config.model().folder().toString(),
                Math.max(0, config.train().maxSteps()),
                config.train().epochs(),
                System.currentTimeMillis(),
                output.toString()));
        board.subscribe(meters);
        seat.heartbeat().ifPresent(file -> board.subscribe(new Heartbeat(file, InstantSource.system())));
        ConsoleOptions options =
                new ConsoleOptions(config.console().host(), config.console().port(), seat.consoleToken());
        boolean again = seat.restarts() > 0;
        // Its drivers take about as long to load as the console's server.
        CompletableFuture<RunLedger> opening = CompletableFuture.supplyAsync(
                () -> new RunLedger(
                        config.ledger(), output, seat.runId(), again, System.getenv(), InstantSource.system()),
                task -> new Thread(task, "tutti-ledger").start());
        try (ConsoleServer console = console(options, board, registry, control, opening);
                RunLedger ledger = opened(opening)) {
            terminal.line("console: " + console.url());
            if (!again) {
                // Only then: beside a coordinator that was killed workers may still write what looks like a leftover.
                Checkpoints.sweep(output);
            }
            Optional<Past> past = again ? ledger.past() : Optional.empty();
            String resumeFrom =
                    past.map(ResumePoint::lastCommit).orElseGet(() -> ResumePoint.find(config.output(), terminal));
            ledger.happened(
                    past.isPresent() ? "coordinator_restarted" : "run_started",
                    Map.of("run", seat.runId(), "resume_from", resumeFrom));
            conduct(
                    config,
                    seat,
                    resumeFrom,
                    past.orElse(Past.NONE),
                    ledger,
                    new Announcer(board, meters, terminal, System::nanoTime),
                    control);
            if (again) {
                sweepBehind(output, terminal);
            }
            return 0;
        }
    }

    /** All workers have ended their writing by now. The run is done, whether this can be cleared or not. */
    private static void sweepBehind(Path output, Terminal terminal) {
        try {
            Checkpoints.sweep(output);
        } catch (TuttiException e) {
            terminal.line("warning: " + e.getMessage());
        }
    }

    /** Where it cannot start nobody needs the ledger any more. */
    private static ConsoleServer console(
            ConsoleOptions options,
            StatusBoard board,
            PrometheusMeterRegistry registry,
            RunControl control,
            CompletableFuture<RunLedger> opening) {
        try {
            return ConsoleServer.start(options, board, registry, control::saveNow);
        } catch (RuntimeException e) {
            opening.thenAccept(RunLedger::close);
            throw e;
        }
    }

    private static RunLedger opened(CompletableFuture<RunLedger> opening) {
        try {
            return opening.join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof TuttiException cause ? cause : e;
        }
    }

    private static void conduct(
            RunConfig config,
            CoordinatorSeat seat,
            String resumeFrom,
            Past past,
            RunLedger ledger,
            Announcer announcer,
            RunControl control) {
        CompletableFuture<Void> outcome = new CompletableFuture<>();
        ActorSystem<RunActor.Message> system = start(config, seat, resumeFrom, past, ledger, announcer, outcome);
        control.connect(system);
        // Whatever ends the actors ends the wait; without effect when the outcome is known.
        system.getWhenTerminated()
                .whenComplete((done, cause) -> outcome.completeExceptionally(
                        new TuttiException(Category.BUG, "the coordinator's actors ended before the run", cause)));
        try {
            // As long as the run takes; the run actor has a deadline for every silence in it.
            outcome.get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof TuttiException cause) {
                throw cause;
            }
            throw new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new TuttiException(Category.PEER, "the coordinator was interrupted", e);
        } finally {
            leave(system);
        }
    }

    private static ActorSystem<RunActor.Message> start(
            RunConfig config,
            CoordinatorSeat seat,
            String resumeFrom,
            Past past,
            RunLedger ledger,
            Announcer announcer,
            CompletableFuture<Void> outcome) {
        try {
            return ActorSystem.create(
                    RunActor.create(
                            config, seat.runId(), resumeFrom, past, ledger, announcer, System::nanoTime, outcome),
                    ClusterConfig.SYSTEM,
                    ClusterConfig.coordinator(seat.host(), seat.port()));
        } catch (RuntimeException e) {
            throw new TuttiException(
                    Category.ENVIRONMENT,
                    "--master_port %d on %s: the coordinator cannot listen there: %s; give another port or address"
                            .formatted(seat.port(), seat.host(), e.getMessage()),
                    e);
        }
    }

    private static void leave(ActorSystem<?> system) {
        system.terminate();
        try {
            system.getWhenTerminated().toCompletableFuture().get(LEAVE_SECONDS, TimeUnit.SECONDS);
        } catch (TimeoutException | ExecutionException e) {
            LoggerFactory.getLogger(CoordinatorMain.class).warn("the actor system did not end in time", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
