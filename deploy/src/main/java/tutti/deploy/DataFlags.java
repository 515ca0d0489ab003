package tutti.deploy;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;
import tutti.common.config.Key;
import tutti.common.config.Keys;
import tutti.common.config.SampleConfig;
import tutti.common.config.Settings;

/** The flags of {@code tutti run} that say what the data are, for a command that has others of its own. */
final class DataFlags {
    private static final List<Key> KEYS = List.of(
            Keys.DATA_PATH,
            Keys.DATASET_FORMAT,
            Keys.PROMPT_FIELD,
            Keys.INPUT_FIELD,
            Keys.CONTEXT_FIELD,
            Keys.COMPLETION_FIELD,
            Keys.SYSTEM_FIELD,
            Keys.MESSAGES_FIELD,
            Keys.TEXT_FIELD,
            Keys.SAMPLE_BY,
            Keys.ANSWER_AFTER,
            Keys.CHAT_TEMPLATE,
            Keys.TRAIN_ON,
            Keys.OVER_LENGTH);

    private DataFlags() {}

    static void addTo(CommandSpec spec) {
        KEYS.forEach(key -> spec.addOption(OptionSpec.builder(RunFlags.option(key))
                .description(key.help().replace("training files", "files"))
                .required(key == Keys.DATA_PATH)
                .build()));
    }

    static SampleConfig read(ParseResult parsed, Path model) {
        Map<String, String> given = new LinkedHashMap<>();
        given.put(Keys.MODEL_NAME_OR_PATH.name(), model.toString());
        Map<String, String> all = RunFlags.given(parsed);
        KEYS.stream().map(Key::name).filter(all::containsKey).forEach(name -> given.put(name, all.get(name)));
        return SampleConfig.read(Settings.of(given, null));
    }
}
