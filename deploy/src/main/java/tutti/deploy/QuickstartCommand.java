package tutti.deploy;

import static tutti.common.error.TuttiException.require;

import java.io.PrintStream;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tutti.deploy.quickstart.Quickstart;

/** {@code tutti quickstart}: makes its own data and model, trains, and shows what that changed. */
@Command(
        name = "quickstart",
        description = "train a small model on data of its own making and show what it learned",
        sortOptions = false,
        mixinStandardHelpOptions = true)
final class QuickstartCommand implements Callable<Integer> {
    private final PrintStream out;

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--output_dir",
            defaultValue = "out/quickstart",
            description = "where everything is written; what an earlier quickstart left there is deleted first"
                    + " (default: out/quickstart)")
    private Path outputDir;

    @Option(names = "--nproc_per_node", defaultValue = "2", description = "workers (default: 2)")
    private int workers;

    @Option(names = "--seed", defaultValue = "42", description = "of data, weights and order (default: 42)")
    private int seed;

    QuickstartCommand(PrintStream out) {
        this.out = out;
    }

    @Override
    public Integer call() {
        require(workers >= 1, "--nproc_per_node=%d: at least 1", workers);
        String command = System.getenv().getOrDefault("TUTTI_COMMAND", "tutti");
        boolean verbose = spec.commandLine().getParseResult().hasMatchedOption(Tutti.VERBOSE);
        Quickstart.Launcher launcher = (settings, config) -> Tutti.run(settings, config, verbose);
        return new Quickstart(launcher, out, command, System::nanoTime).run(outputDir, workers, seed);
    }
}
