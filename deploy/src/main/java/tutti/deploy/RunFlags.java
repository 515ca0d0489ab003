package tutti.deploy;

import static tutti.common.error.TuttiException.user;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.ToIntFunction;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;
import tutti.common.config.Answered;
import tutti.common.config.Key;
import tutti.common.config.Keys;
import tutti.common.config.RunConfig;
import tutti.common.config.Settings;
import tutti.common.error.TuttiException;

/**
 * A subcommand whose flags are {@link Keys}: snake_case or dash-case, switches with or without a word, lists by comma, by
 * repetition or by several words.
 */
final class RunFlags {
    private static final String CONFIG = "--config";
    private static final String JSON = "--json";
    private static final String SAMPLES = "--samples";

    private RunFlags() {}

    /** What such a subcommand does with its flags. */
    interface Body {
        /** @return the process exit code */
        int run(Settings settings, RunConfig config, boolean verbose);
    }

    static CommandLine command(String name, String summary, Body body) {
        return command(name, summary, List.of(), spec -> call(spec, body));
    }

    /** {@code tutti plan}, which takes the flags of a run but needs few of them, and one more. */
    static CommandLine plan(PlanCommand plan) {
        return command(
                "plan", "the memory of a run, before it is started", List.of(json("print one JSON object")), spec -> {
                    ParseResult parsed = spec.commandLine().getParseResult();
                    return plan.run(settings(parsed), parsed.matchedOptionValue(JSON, false));
                });
    }

    /** {@code tutti data}, as above. */
    static CommandLine data(DataCommand data) {
        OptionSpec samples = OptionSpec.builder(SAMPLES)
                .paramLabel("N")
                .arity("1")
                .type(Integer.class)
                .description(
                        "samples to show (default: %d, with --json all); all are counted".formatted(DataCommand.SHOWN))
                .build();
        String summary = "the samples of a run as it would train on them, before it is started";
        return command("data", summary, List.of(json("print one JSON object for each sample"), samples), spec -> {
            ParseResult parsed = spec.commandLine().getParseResult();
            boolean json = parsed.matchedOptionValue(JSON, false);
            int shown = parsed.matchedOptionValue(SAMPLES, json ? Integer.MAX_VALUE : DataCommand.SHOWN);
            return data.run(settings(parsed), json, shown);
        });
    }

    private static OptionSpec json(String meaning) {
        return OptionSpec.builder(JSON)
                .arity("0..1")
                .fallbackValue("true")
                .type(boolean.class)
                .description(meaning)
                .build();
    }

    /** @param own flags that are no {@link Keys} */
    private static CommandLine command(
            String name, String summary, List<OptionSpec> own, ToIntFunction<CommandSpec> call) {
        CommandSpec[] self = new CommandSpec[1];
        CommandSpec spec = CommandSpec.wrapWithoutInspection((Callable<Integer>) () -> call.applyAsInt(self[0]));
        self[0] = spec;
        spec.name(name);
        spec.usageMessage().description(summary);
        Keys.all().forEach(key -> spec.addOption(option(key)));
        Answered.all().keySet().stream().sorted().forEach(word -> spec.addOption(answered(word)));
        spec.addOption(OptionSpec.builder(CONFIG)
                .paramLabel("FILE")
                .arity("1")
                .type(String.class)
                .description("YAML or JSON with the same keys, run.json included; flags win over it")
                .build());
        spec.addOption(OptionSpec.builder("-h", "--help")
                .usageHelp(true)
                .arity("0")
                .type(boolean.class)
                .description("this page")
                .build());
        own.forEach(spec::addOption);
        CommandLine command = new CommandLine(spec);
        command.getHelpSectionMap().put(HelpPage.SECTION, help -> HelpPage.text(name, summary, own));
        command.setHelpSectionKeys(List.of(HelpPage.SECTION));
        return command;
    }

    /** What every subcommand takes: {@code --a-b} for each {@code --a_b}, and {@link Tutti#VERBOSE}. */
    static void addCommonForms(CommandSpec spec) {
        // All of them, in their order, which is that of the help.
        for (OptionSpec option : List.copyOf(spec.options())) {
            spec.remove(option);
            String[] names = Arrays.stream(option.names())
                    .flatMap(name -> Arrays.stream(names(name)))
                    .distinct()
                    .toArray(String[]::new);
            spec.addOption(OptionSpec.builder(option).names(names).build());
        }
        spec.addOption(OptionSpec.builder(Tutti.VERBOSE)
                .arity("0")
                .type(boolean.class)
                .description("stack traces with errors")
                .build());
    }

    /** Settings of the parser; they reach the subcommands that {@code command} has by now. */
    static void readAsPeopleWrite(CommandLine command) {
        command.setExpandAtFiles(false);
        // As argparse: the last one wins.
        command.setOverwrittenOptionsAllowed(true);
        command.setCaseInsensitiveEnumValuesAllowed(true);
        // A misspelt flag behind a list is an error, not one more file.
        command.setUnmatchedOptionsAllowedAsOptionParameters(false);
    }

    private static int call(CommandSpec spec, Body body) {
        ParseResult parsed = spec.commandLine().getParseResult();
        Settings settings = settings(parsed);
        RunConfig config = RunConfig.read(settings);
        try {
            return body.run(settings, config, parsed.hasMatchedOption(Tutti.VERBOSE));
        } catch (TuttiException e) {
            throw e;
        } catch (RuntimeException | Error e) {
            throw Failures.fault(e, spec.name(), config.output().folder());
        }
    }

    private static Settings settings(ParseResult parsed) {
        String file = parsed.matchedOptionValue(CONFIG, null);
        return Settings.of(given(parsed), file == null ? null : Path.of(file));
    }

    /** Flags of {@link Keys}, or others that take text, as they were written. */
    static Map<String, String> given(ParseResult parsed) {
        Map<String, String> flags = new LinkedHashMap<>();
        for (OptionSpec option : parsed.matchedOptions()) {
            if (option.getValue() instanceof String[] words) {
                // Words of a list flag; the other many-word flags have no effect and are only shown again.
                flags.put(key(option), String.join(",", words));
            } else if (!option.names()[0].equals(CONFIG) && option.getValue() instanceof String word) {
                // picocli takes a misspelt flag behind a bare switch for the switch's word.
                if (word.startsWith("--")) {
                    throw user("%s", noSuchFlag(parsed.commandSpec(), word));
                }
                flags.put(key(option), word);
            }
        }
        return flags;
    }

    /** What to tell who wrote {@code word}, a flag with or without its value, behind that command. */
    static String noSuchFlag(CommandSpec command, String word) {
        String name = word.replaceFirst("=.*", "");
        String bare = name.replaceFirst("^-+", "").replace('-', '_');
        List<String> known = command.options().stream()
                .map(OptionSpec::names)
                .flatMap(Arrays::stream)
                .filter(one -> one.startsWith("--"))
                .map(one -> one.substring(2))
                .toList();
        return "%s: no such flag; did you mean --%s?".formatted(name, Settings.nearest(bare, known));
    }

    private static String key(OptionSpec option) {
        return option.names()[0].substring(2);
    }

    static OptionSpec option(Key key) {
        String[] names = Stream.concat(Stream.of(key.name()), Keys.olderNames(key).stream())
                .map("--"::concat)
                .toArray(String[]::new);
        OptionSpec.Builder builder = OptionSpec.builder(names).paramLabel("VALUE");
        return switch (key.kind()) {
            case SWITCH, POLICY ->
                builder.type(String.class).arity("0..1").fallbackValue("true").build();
            case LIST -> builder.type(String[].class).arity("1..*").build();
            default -> builder.type(String.class).arity("1").build();
        };
    }

    private static OptionSpec answered(String name) {
        return OptionSpec.builder("--" + name)
                .type(String[].class)
                .arity("0..*")
                .hidden(true)
                .build();
    }

    /** The first one is as it was declared. */
    private static String[] names(String name) {
        return new String[] {name, name.replace('_', '-')};
    }
}
