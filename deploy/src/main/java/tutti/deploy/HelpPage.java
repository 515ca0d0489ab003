package tutti.deploy;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import picocli.CommandLine.Model.OptionSpec;
import tutti.common.config.Answered;
import tutti.common.config.Key;
import tutti.common.config.Keys;

/** The help of a subcommand whose flags are {@link Keys}: by group, each with its default. */
final class HelpPage {
    static final String SECTION = "page";

    private static final int INDENT = 34;
    private static final int WIDTH = 110;

    private HelpPage() {}

    /** @param own flags of this command alone */
    static String text(String command, String summary, List<OptionSpec> own) {
        StringBuilder page = new StringBuilder("tutti %s: %s%n%n".formatted(command, summary));
        page.append("""
                Examples
                  tutti %1$s --nproc_per_node 2 --model_name_or_path models/tiny --data_path data.json \\
                      --output_dir out --bf16 True --num_train_epochs 3 --learning_rate 2e-5
                  tutti %1$s --config out/run.json --output_dir again

                Dashes and underscores are the same; a switch may stand alone or with True or False.
                """.formatted(command));
        Map<String, List<Key>> groups =
                Keys.all().stream().collect(Collectors.groupingBy(Key::group, LinkedHashMap::new, Collectors.toList()));
        groups.forEach((group, keys) -> {
            page.append("%n%s%n".formatted(group));
            keys.forEach(key -> entry(page, "--" + key.name() + word(key), meaning(key)));
        });
        page.append("%nThis command%n".formatted());
        entry(
                page,
                "--config FILE",
                "YAML or JSON with the same keys, an earlier run.json included; flags win over it");
        own.forEach(flag -> entry(page, flag.names()[0] + word(flag), flag.description()[0]));
        entry(page, Tutti.VERBOSE, "show stack traces with errors");
        entry(page, "-h, --help", "show this page");
        page.append("%nTaken without effect, each with a note%n".formatted());
        entry(
                page,
                "",
                Answered.all().keySet().stream().sorted().map("--"::concat).collect(Collectors.joining(" ")));
        return page.toString();
    }

    private static String word(Key key) {
        return switch (key.kind()) {
            case SWITCH -> " [True]";
            case POLICY -> " [X]";
            case INTEGER, NUMBER -> " N";
            case LIST -> " A,B";
            case WORD -> " X";
            case OBJECT -> " JSON";
        };
    }

    private static String word(OptionSpec flag) {
        return flag.arity().min() == 0 ? "" : " " + flag.paramLabel();
    }

    private static String meaning(Key key) {
        return key.fallback().isEmpty() ? key.help() : "%s (default: %s)".formatted(key.help(), key.fallback());
    }

    /** Two columns; the right one is wrapped at blanks. */
    private static void entry(StringBuilder page, String left, String right) {
        StringBuilder line = new StringBuilder("  " + left);
        for (String word : right.split(" ")) {
            if (line.length() + 1 + word.length() > WIDTH) {
                page.append(line).append(System.lineSeparator());
                line = new StringBuilder();
            }
            // A name longer than its column pushes its own text only.
            line.append(" ".repeat(Math.max(1, line.length() < INDENT ? INDENT - line.length() : 1)))
                    .append(word);
        }
        page.append(line).append(System.lineSeparator());
    }
}
