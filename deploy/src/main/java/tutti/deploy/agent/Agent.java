package tutti.deploy.agent;

import static tutti.common.error.TuttiException.environment;
import static tutti.common.error.TuttiException.require;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import tutti.common.config.CoordinatorSeat;
import tutti.common.config.LaunchConfig;
import tutti.common.config.RunConfig;
import tutti.common.config.Settings;
import tutti.common.config.WorkerSeat;
import tutti.common.error.Category;
import tutti.coordinator.console.ConsoleOptions;
import tutti.deploy.agent.ChildCommand.Role;

/**
 * One node's part of a run. {@link #run} may be called once.
 *
 * <p>Whatever ends the agent, its children end too: an orderly end and SIGINT or SIGTERM through {@link NodeProcesses}, a SIGKILL
 * through {@link ParentWatch} in each child. A {@link #preemptible} one takes its first SIGTERM for a wish.
 */
public final class Agent {
    private static final String CONSOLE_TOKEN = "TUTTI_CONSOLE_TOKEN";
    private static final String LEDGER_PASSWORD = "PGPASSWORD";
    private static final String RUN_ID = "TUTTI_RUN_ID";
    private static final String OMP_THREADS = "OMP_NUM_THREADS";

    private final ChildCommand command;
    private final List<Preflight> preflights;
    private final Patience patience;
    private final Map<String, String> environment;
    private final Terminal terminal;
    private final boolean progressBar;
    private boolean preemptible;
    private NodeProcesses node;

    /** An agent that talks to the terminal of this process. */
    public Agent(ChildCommand command, List<Preflight> preflights, Patience patience) {
        this(command, preflights, patience, System.out, System.err);
    }

    /**
     * @param preflights asked in order on every node, before anything is written or deleted
     * @param out gets what the run says, its workers' lines included
     * @param err gets its errors
     */
    public Agent(
            ChildCommand command, List<Preflight> preflights, Patience patience, PrintStream out, PrintStream err) {
        this.command = command;
        this.preflights = List.copyOf(preflights);
        this.patience = patience;
        this.environment = System.getenv();
        this.progressBar = out == System.out && canRedraw(environment);
        this.terminal = new Terminal(out, err, progressBar);
    }

    /** SIGTERM and SIGUSR1 to this process then end the run behind a checkpoint. */
    public Agent preemptible() {
        preemptible = true;
        return this;
    }

    /**
     * Starts this node's processes and waits for the end of the run.
     *
     * @return the exit code of the run: the coordinator's, or that of {@link Category#PEER} if a child was lost
     * @throws tutti.common.error.TuttiException if the run is refused; then nothing was started
     */
    public int run(Settings settings, RunConfig config) {
        try (OutputFolder output = new OutputFolder(config)) {
            return run(settings, config, output);
        }
    }

    private int run(Settings settings, RunConfig config, OutputFolder output) {
        LaunchConfig launch = config.launch();
        output.check();
        checkPorts(config);
        String runId = runId(launch);
        preflights.forEach(preflight -> preflight.check(config));
        output.prepare();
        Path runFile = output.writeRunFile(settings);

        node = new NodeProcesses(terminal, patience, output::close);
        if (preemptible) {
            Duration grace = Duration.ofSeconds(launch.preemptionGraceSeconds());
            Signals.onFirst(() -> node.preempt(grace));
        }
        try {
            if (launch.nnodes() > 1) {
                SocketBuffers.probe().warnIfSmall();
            }
            Path aeronDir = node.startDriver();
            int port =
                    launch.masterPort() == 0 ? Ports.anyFree("master_addr", launch.masterAddr()) : launch.masterPort();
            startChildren(config, output, runFile, aeronDir, port, runId);
            return node.watch(launch.maxRestarts());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Category.PEER.exitCode();
        } finally {
            node.close();
        }
    }

    private void checkPorts(RunConfig config) {
        if (config.launch().nodeRank() == 0) {
            Ports.requireFree(
                    "master_addr",
                    config.launch().masterAddr(),
                    "master_port",
                    config.launch().masterPort());
            Ports.requireFree(
                    "console_host",
                    config.console().host(),
                    "console_port",
                    config.console().port());
        }
    }

    /** The user's, or a new one; later nodes learn it when they join. */
    private String runId(LaunchConfig launch) {
        String given = environment.get(RUN_ID);
        if (given == null) {
            return launch.nodeRank() == 0 ? newRunId() : WorkerSeat.RUN_NOT_KNOWN;
        }
        require(given.matches("[0-9a-f]{16}"), "%s=%s in the environment: 16 hex digits are needed", RUN_ID, given);
        return given;
    }

    private void startChildren(
            RunConfig config, OutputFolder output, Path runFile, Path aeronDir, int port, String runId) {
        LaunchConfig launch = config.launch();
        boolean going = true;
        if (launch.nodeRank() == 0) {
            CoordinatorSeat seat = new CoordinatorSeat(
                    launch.masterAddr(),
                    port,
                    runId,
                    environment.getOrDefault(CONSOLE_TOKEN, ConsoleOptions.newToken()),
                    Optional.of(aeronDir),
                    0,
                    progressBar,
                    CoordinatorSeat.columns(environment));
            AtomicReference<CoordinatorSeat> next = new AtomicReference<>(seat);
            going = node.keep(() -> startCoordinator(next.getAndUpdate(CoordinatorSeat::again), runFile));
        }
        int threads = threads(launch, environment);
        for (int local = 0; going && local < launch.nprocPerNode(); local++) {
            WorkerSeat seat = new WorkerSeat(
                    launch.firstRank() + local,
                    local,
                    launch.nodeRank(),
                    launch.worldSize(),
                    launch.masterAddr(),
                    port,
                    runId,
                    aeronDir,
                    threads);
            // Once: the next process of the seat adds to what the one before it had to say.
            Path log = output.log(seat.rank());
            going = node.keep(() -> startWorker(seat, launch, runFile, log));
        }
    }

    private Child startCoordinator(CoordinatorSeat seat, Path runFile) {
        ProcessBuilder builder = builder(Role.COORDINATOR, runFile, seat.environment());
        Process process = NodeProcesses.launch(builder);
        node.add(Pump.raw("tutti-pump-coordinator-out", process.getInputStream(), terminal, false));
        node.add(Pump.raw("tutti-pump-coordinator-err", process.getErrorStream(), terminal, true));
        new CoordinatorWatch(
                        process,
                        seat.heartbeat().orElseThrow(),
                        CoordinatorWatch.HUNG,
                        CoordinatorWatch.LOOK,
                        terminal::note)
                .start();
        return new Child(-1, process, null);
    }

    private Child startWorker(WorkerSeat seat, LaunchConfig launch, Path runFile, Path log) {
        ProcessBuilder builder =
                builder(Role.WORKER, runFile, seat.environment()).redirectErrorStream(true);
        Map<String, String> variables = builder.environment();
        variables.put("LOCAL_WORLD_SIZE", Integer.toString(launch.nprocPerNode()));
        String threads = Integer.toString(seat.threads());
        variables.put(OMP_THREADS, threads);
        variables.put("OPENBLAS_NUM_THREADS", threads);
        variables.put("MKL_NUM_THREADS", threads);
        // The secrets of console and ledger are the coordinator's alone.
        variables.keySet().removeAll(Set.of(CONSOLE_TOKEN, LEDGER_PASSWORD));
        Process process = NodeProcesses.launch(builder);
        String name = "tutti-pump-rank-" + seat.rank();
        try {
            node.add(Pump.lines(name, process.getInputStream(), terminal, "[rank %d] ".formatted(seat.rank()), log));
        } catch (IOException e) {
            process.destroyForcibly();
            throw environment("%s: cannot be written: %s", log, e);
        }
        return new Child(seat.rank(), process, log);
    }

    private ProcessBuilder builder(Role role, Path runFile, Map<String, String> seat) {
        ProcessBuilder builder =
                new ProcessBuilder(command.of(role, List.of(role.word(), "--config", runFile.toString())));
        builder.environment().putAll(seat);
        builder.environment()
                .put("TUTTI_PARENT", Long.toString(ProcessHandle.current().pid()));
        return builder;
    }

    /** Threads of one worker: what the user set, as torchrun does it; else the cores shared out among this node's workers. */
    public static int threads(LaunchConfig launch, Map<String, String> environment) {
        String given = environment.getOrDefault(OMP_THREADS, "");
        return given.matches("[1-9][0-9]{0,3}")
                ? Integer.parseInt(given)
                : Math.max(1, Runtime.getRuntime().availableProcessors() / launch.nprocPerNode());
    }

    private static boolean canRedraw(Map<String, String> environment) {
        return System.console() != null
                && !environment.containsKey("NO_COLOR")
                && !environment.containsKey("CI")
                && !"dumb".equals(environment.get("TERM"));
    }

    private static String newRunId() {
        return HexFormat.of().toHexDigits(new SecureRandom().nextLong());
    }
}
