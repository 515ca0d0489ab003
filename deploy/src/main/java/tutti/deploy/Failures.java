package tutti.deploy;

import java.io.PrintStream;
import java.util.Optional;
import java.util.regex.Pattern;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;
import tutti.common.config.Settings;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/** Turns what went wrong into one line and an exit code; a stack trace comes with {@code --verbose} only. */
final class Failures {
    private static final Pattern QUOTED_FLAG = Pattern.compile("'(--?[^']+)'");

    private final PrintStream err;
    private final boolean verbose;

    Failures(PrintStream err, boolean verbose) {
        this.err = err;
        this.verbose = verbose;
    }

    int report(Throwable failure) {
        if (failure instanceof TuttiException known) {
            line(known.getMessage(), known);
            return known.category().exitCode();
        }
        String hint = verbose
                ? "report it with these lines and output_dir/logs"
                : "run again with --verbose, and report it with output_dir/logs";
        line("a fault of Tutti itself: %s; %s".formatted(failure, hint), failure);
        return Category.BUG.exitCode();
    }

    /** A command line that cannot be read. */
    int usage(ParameterException failure) {
        line(explain(failure), failure);
        return Category.USER.exitCode();
    }

    private void line(String message, Throwable failure) {
        err.println("tutti: error: " + message.replaceAll("\\s*\\R\\s*", " "));
        if (verbose) {
            failure.printStackTrace(err);
        }
    }

    private static String explain(ParameterException failure) {
        CommandLine command = failure.getCommandLine();
        boolean top = command.getParent() == null;
        if (!(failure instanceof UnmatchedArgumentException unmatched)) {
            return "%s (see tutti %s--help)".formatted(failure.getMessage(), top ? "" : command.getCommandName() + " ");
        }
        Optional<String> flag = unknownFlag(unmatched);
        String word = flag.orElseGet(
                () -> unmatched.getUnmatched().stream().findFirst().orElse(unmatched.getMessage()));
        if (top) {
            String commands = String.join(", ", command.getSubcommands().keySet());
            return flag.isPresent()
                    ? "%s: flags come after a command; the commands are %s".formatted(word, commands)
                    : "%s: no such command; there are %s".formatted(word, commands);
        }
        if (flag.isEmpty()) {
            return "%s: a word without a flag; torchrun's script name is left out here".formatted(word);
        }
        String name = word.replaceFirst("=.*", "");
        String bare = name.replaceFirst("^-+", "").replace('-', '_');
        return "%s: no such flag; did you mean %s?".formatted(name, Settings.nearest(bare));
    }

    /** A flag's value is unmatched along with it: the flag is what to talk about. */
    private static Optional<String> unknownFlag(UnmatchedArgumentException unmatched) {
        Optional<String> flag = unmatched.getUnmatched().stream()
                .filter(word -> word.startsWith("-"))
                .findFirst();
        // Behind a list flag picocli tells the word in its message only.
        return flag.or(() -> QUOTED_FLAG
                .matcher(unmatched.getMessage())
                .results()
                .map(found -> found.group(1))
                .reduce((earlier, later) -> later));
    }
}
