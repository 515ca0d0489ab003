package tutti.deploy;

import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import tutti.common.config.CoordinatorSeat;
import tutti.common.config.RunConfig;
import tutti.common.config.Settings;
import tutti.common.config.WorkerSeat;
import tutti.coordinator.CoordinatorMain;
import tutti.coordinator.run.RunControl;
import tutti.deploy.agent.Agent;
import tutti.deploy.agent.AvailableMemory;
import tutti.deploy.agent.ChildCommand;
import tutti.deploy.agent.ParentWatch;
import tutti.deploy.agent.Patience;
import tutti.deploy.agent.Preflight;
import tutti.deploy.agent.Signals;
import tutti.worker.WorkerMain;
import tutti.worker.agent.WorkerControl;

/** The {@code tutti} command. Every failure is one line on standard error and an exit code of {@code common.error.Category}. */
public final class Tutti {
    static final String VERBOSE = "--verbose";
    /** Exit code of a process that was ended by that signal, or by its agent's word for it. */
    private static final int SIGTERM = 143;

    /** What a node asks before it starts anything; see {@link Agent}. */
    private static final List<Preflight> PREFLIGHTS =
            List.of(new ModelPreflight(), new DataPreflight(), new MemoryPreflight(AvailableMemory.here()::bytes));

    private Tutti() {}

    public static void main(String[] args) {
        System.exit(execute(args));
    }

    /** All of {@link #main} but the end of the process. @return its exit code */
    public static int execute(String... args) {
        Map<String, Supplier<CommandLine>> commands = commands();
        // The named one alone: a process that has one thing to do need not build the flags of ten others first.
        Supplier<CommandLine> named = args.length == 0 ? null : commands.get(args[0]);
        Collection<Supplier<CommandLine>> wanted = named == null ? commands.values() : List.of(named);
        return execute(commandLine(wanted.stream().map(Supplier::get).toArray(CommandLine[]::new)), System.err, args);
    }

    /** By their names, in the order of the help. */
    static Map<String, Supplier<CommandLine>> commands() {
        Map<String, Supplier<CommandLine>> commands = new LinkedHashMap<>();
        commands.put("run", () -> RunFlags.command("run", "start a run on this node", Tutti::run));
        commands.put("quickstart", () -> new CommandLine(new QuickstartCommand(System.out)));
        commands.put(
                "plan", () -> RunFlags.plan(new PlanCommand(System.out, System.err, AvailableMemory.here()::bytes)));
        commands.put("data", () -> RunFlags.data(new DataCommand(System.out, System.err, System.console() != null)));
        commands.put("generate", () -> new CommandLine(new GenerateCommand(System.out)));
        commands.put(
                "chat",
                () -> new CommandLine(new ChatCommand(System.in, System.out, System.err, System.console() != null)));
        commands.put("eval", () -> EvalCommand.commandLine(System.out, System.err));
        commands.put("bench", () -> BenchCommand.commandLine(System.out, System.err));
        commands.put("doctor", () -> new CommandLine(new DoctorCommand(System.out)));
        commands.put(
                "worker", () -> RunFlags.command("worker", "one worker alone; `tutti run` starts it", Tutti::worker));
        commands.put(
                "coordinator",
                () -> RunFlags.command(
                        "coordinator", "the coordinator alone; `tutti run` starts it", Tutti::coordinator));
        return commands;
    }

    /** Runs one command and reports its failure. @return the process exit code */
    static int execute(CommandLine tutti, PrintStream err, String... args) {
        Failures failures = new Failures(err, Arrays.asList(args).contains(VERBOSE));
        tutti.setParameterExceptionHandler((failure, words) -> failures.usage(failure, words));
        tutti.setExecutionExceptionHandler((failure, command, parsed) -> failures.report(failure));
        try {
            return tutti.execute(args);
        } catch (Error e) {
            // picocli catches exceptions only; an OutOfMemoryError deserves its line and code too.
            return failures.report(e);
        }
    }

    /** The main command with these subcommands. */
    static CommandLine commandLine(CommandLine... subcommands) {
        CommandSpec spec = CommandSpec.create()
                .name("tutti")
                .addOption(OptionSpec.builder("-h", "--help")
                        .usageHelp(true)
                        .description("show this page; `tutti COMMAND --help` shows a command's flags")
                        .build())
                .addOption(OptionSpec.builder("--version")
                        .versionHelp(true)
                        .description("show the version")
                        .build())
                .version("tutti " + version());
        spec.usageMessage().description("Fine-tunes large language models on a cluster.");
        CommandLine tutti = new CommandLine(spec);
        for (CommandLine subcommand : subcommands) {
            RunFlags.addCommonForms(subcommand.getCommandSpec());
            subcommand.getSubcommands().values().forEach(one -> RunFlags.addCommonForms(one.getCommandSpec()));
            tutti.addSubcommand(subcommand);
        }
        RunFlags.readAsPeopleWrite(tutti);
        tutti.setExecutionStrategy(parsed -> {
            if (!parsed.hasSubcommand() && !parsed.isUsageHelpRequested() && !parsed.isVersionHelpRequested()) {
                tutti.usage(System.out);
                return 0;
            }
            return new CommandLine.RunLast().execute(parsed);
        });
        return tutti;
    }

    static int run(Settings settings, RunConfig config, boolean verbose) {
        settings.answers().forEach(answer -> System.out.println("tutti: note: " + answer));
        return agent(verbose, System.out, System.err).preemptible().run(settings, config);
    }

    /**
     * A run that is not worth a checkpoint when a signal ends it.
     *
     * @param out gets what the run says
     */
    static int run(Settings settings, RunConfig config, boolean verbose, PrintStream out, PrintStream err) {
        return agent(verbose, out, err).run(settings, config);
    }

    private static Agent agent(boolean verbose, PrintStream out, PrintStream err) {
        ChildCommand command = ChildCommand.sameJava(Tutti.class, verbose, System.getenv());
        return new Agent(command, PREFLIGHTS, Patience.USUAL, out, err);
    }

    private static int worker(Settings settings, RunConfig config, boolean verbose) {
        WorkerSeat seat = WorkerSeat.fromEnvironment(System.getenv());
        WorkerControl control = new WorkerControl();
        if (watchParent(control::preempt, control::coordinatorLost)) {
            Signals.ignore();
        }
        return WorkerMain.run(config, seat, control);
    }

    private static int coordinator(Settings settings, RunConfig config, boolean verbose) {
        CoordinatorSeat seat = CoordinatorSeat.fromEnvironment(System.getenv());
        RunControl control = new RunControl();
        watchParent(control::preempt, () -> {});
        Signals.onFirst(() -> {
            control.preempt();
            return true;
        });
        return CoordinatorMain.run(config, seat, control);
    }

    /** False for a process that somebody started by hand: it has no agent to obey, nor to die with. */
    private static boolean watchParent(Runnable preempt, Runnable coordinatorLost) {
        Map<String, String> environment = System.getenv();
        boolean child = environment.containsKey("TUTTI_PARENT");
        if (child) {
            ParentWatch.start(
                    Path.of(environment.getOrDefault("TUTTI_AERON_DIR", "/nonexistent")),
                    preempt,
                    coordinatorLost,
                    () -> System.exit(SIGTERM));
        }
        return child;
    }

    /** The jar's; a run from class folders has none. */
    private static String version() {
        String version = Tutti.class.getPackage().getImplementationVersion();
        return version == null ? "(not packaged)" : version;
    }
}
