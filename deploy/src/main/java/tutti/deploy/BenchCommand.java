package tutti.deploy;

import java.io.PrintStream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code tutti bench}: measures this machine; the subcommands say what. */
@Command(
        name = "bench",
        description = "measure steps of a run, single kernels, or the all-reduce, on this machine",
        sortOptions = false,
        mixinStandardHelpOptions = true)
final class BenchCommand implements Runnable {

    @Spec
    private CommandSpec spec;

    private BenchCommand() {}

    static CommandLine commandLine(PrintStream out, PrintStream err) {
        return new CommandLine(new BenchCommand())
                .addSubcommand(new BenchStepCommand(out, err))
                .addSubcommand(new BenchKernelsCommand(out))
                .addSubcommand(new BenchAllReduceCommand(out, err))
                .addSubcommand(new BenchAllReduceRankCommand(out));
    }

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "what to measure is missing: " + String.join(" or ", Failures.subcommands(spec.commandLine())));
    }
}
