package tutti.deploy;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import picocli.CommandLine;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/** Turns what went wrong into one line and an exit code; a stack trace comes with {@code --verbose} only. */
final class Failures {
    private final PrintStream err;
    private final boolean verbose;

    Failures(PrintStream err, boolean verbose) {
        this.err = err;
        this.verbose = verbose;
    }

    int report(Throwable failure) {
        if (failure instanceof TuttiException known) {
            line(known.category() == Category.PREEMPTED ? "note" : "error", known.getMessage(), known);
            return known.category().exitCode();
        }
        line("a fault of Tutti itself: %s; run again with --verbose and report it".formatted(failure), failure);
        return Category.BUG.exitCode();
    }

    /** What nobody expected, its stack kept in the run's logs: the run may have taken a day to get there. */
    static TuttiException fault(Throwable failure, String command, Path outputDir) {
        Path file = outputDir
                .resolve("logs")
                .resolve("fault-%s-%d.txt"
                        .formatted(command, ProcessHandle.current().pid()));
        String where = "report it with " + file;
        try (PrintStream out = new PrintStream(Files.newOutputStream(file), false, StandardCharsets.UTF_8)) {
            failure.printStackTrace(out);
        } catch (IOException e) {
            // No logs folder yet, or the disk is full: the second run must show the stack then.
            where = "run again with --verbose and report it";
        }
        return new TuttiException(Category.BUG, "a fault of Tutti itself: %s; %s".formatted(failure, where), failure);
    }

    /** A command line that cannot be read. */
    int usage(ParameterException failure, String[] words) {
        line(explain(failure, words), failure);
        return Category.USER.exitCode();
    }

    private void line(String message, Throwable failure) {
        line("error", message, failure);
    }

    private void line(String kind, String message, Throwable failure) {
        err.println("tutti: " + kind + ": " + message.replaceAll("\\s*\\R\\s*", " "));
        if (verbose) {
            failure.printStackTrace(err);
        }
    }

    private static String explain(ParameterException failure, String[] words) {
        CommandLine command = failure.getCommandLine();
        boolean group = !command.getSubcommands().isEmpty();
        if (failure instanceof MissingParameterException && !group) {
            // The flag that is missing may be the one that was misspelt.
            Optional<String> misspelt = unknownFlag(command, words);
            if (misspelt.isPresent()) {
                return RunFlags.noSuchFlag(command.getCommandSpec(), misspelt.get());
            }
        }
        if (!(failure instanceof UnmatchedArgumentException unmatched)) {
            return "%s (see %s --help)"
                    .formatted(failure.getMessage(), command.getCommandSpec().qualifiedName());
        }
        Optional<String> flag = unknownFlag(command, words);
        String word = flag.orElseGet(
                () -> unmatched.getUnmatched().stream().findFirst().orElse(unmatched.getMessage()));
        if (group) {
            String commands = String.join(", ", command.getSubcommands().keySet());
            return flag.isPresent()
                    ? "%s: flags come after a command; the commands are %s".formatted(word, commands)
                    : "%s: no such command; there are %s".formatted(word, commands);
        }
        return flag.isPresent()
                ? RunFlags.noSuchFlag(command.getCommandSpec(), word)
                : "%s: a word without a flag; torchrun's script name is left out here".formatted(word);
    }

    /** Names of the commands below this one that people type. */
    static List<String> subcommands(CommandLine command) {
        return command.getSubcommands().entrySet().stream()
                .filter(one -> !one.getValue().getCommandSpec().usageMessage().hidden())
                .map(Map.Entry::getKey)
                .toList();
    }

    /** What picocli names as unmatched is often the flag's value alone: the flag is what to talk about. */
    private static Optional<String> unknownFlag(CommandLine command, String[] words) {
        Set<String> known = command.getCommandSpec().optionsMap().keySet();
        return Arrays.stream(words)
                .filter(word -> word.matches("--?[A-Za-z].*") && !known.contains(word.replaceFirst("=.*", "")))
                .findFirst();
    }
}
