package tutti.common.config;

import static tutti.common.error.TuttiException.require;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What is trained on.
 *
 * @param paths files and folders in the order given
 * @param shuffle a new order each epoch, drawn from the run's seed; otherwise file order
 * @param renamed field of the format to the name that it has in the files, where that is another
 * @param sampleBy for text files
 * @param answerAfter words of a plain text behind which the answer is; empty: none is a prompt
 */
public record DataConfig(
        List<Path> paths,
        boolean shuffle,
        DataFormat format,
        Map<String, String> renamed,
        SampleBy sampleBy,
        String answerAfter) {
    public DataConfig {
        paths = List.copyOf(paths);
        renamed = Map.copyOf(renamed);
        require(
                answerAfter.isEmpty() || !answerAfter.isBlank(),
                "--answer_after '%s': only white space; give the words before an answer, as in \"A:\"",
                answerAfter);
        require(!paths.isEmpty(), "--data_path is missing: a file or folder of JSON, CSV, Parquet or text to train on");
    }

    /** These files, with everything else seen from their content. */
    public DataConfig(List<Path> paths) {
        this(paths, true, DataFormat.AUTO, Map.of(), SampleBy.LINE, "");
    }

    /** Other files, read in the same way. */
    public DataConfig with(List<Path> others) {
        return new DataConfig(others, shuffle, format, renamed, sampleBy, answerAfter);
    }

    static DataConfig read(Settings settings) {
        Map<Key, String> named = new LinkedHashMap<>();
        for (Key key : List.of(
                Keys.PROMPT_FIELD,
                Keys.INPUT_FIELD,
                Keys.CONTEXT_FIELD,
                Keys.COMPLETION_FIELD,
                Keys.SYSTEM_FIELD,
                Keys.MESSAGES_FIELD,
                Keys.TEXT_FIELD)) {
            String name = settings.text(key);
            if (!name.isEmpty()) {
                named.put(key, name);
            }
        }
        DataFormat format = implied(settings.choice(Keys.DATASET_FORMAT, DataFormat.class), named);
        return new DataConfig(
                settings.list(Keys.DATA_PATH).stream().map(Path::of).toList(),
                settings.flag(Keys.SHUFFLE),
                format,
                renamed(format, named),
                settings.choice(Keys.SAMPLE_BY, SampleBy.class),
                settings.text(Keys.ANSWER_AFTER));
    }

    private static DataFormat implied(DataFormat format, Map<Key, String> named) {
        if (format != DataFormat.AUTO || named.isEmpty()) {
            return format;
        }
        if (named.containsKey(Keys.MESSAGES_FIELD)) {
            return named.containsKey(Keys.SYSTEM_FIELD) ? DataFormat.SHAREGPT : DataFormat.MESSAGES;
        }
        if (named.containsKey(Keys.TEXT_FIELD)) {
            return DataFormat.TEXT;
        }
        require(
                !named.containsKey(Keys.CONTEXT_FIELD),
                "--context_field=%s: needs --dataset_format dolly (the context stands behind the question) or sql_create_context (before it)",
                named.get(Keys.CONTEXT_FIELD));
        // A completion has no room for a system prompt or an input, a conversation has.
        boolean more = named.containsKey(Keys.SYSTEM_FIELD) || named.containsKey(Keys.INPUT_FIELD);
        return more ? DataFormat.ALPACA : DataFormat.PROMPT_COMPLETION;
    }

    private static Map<String, String> renamed(DataFormat format, Map<Key, String> named) {
        Map<String, String> renamed = new LinkedHashMap<>();
        named.forEach((key, name) -> {
            String field = format.fields().get(key);
            require(
                    field != null,
                    "--%s=%s: samples of %s have no such field; leave it out, or give another --dataset_format",
                    key.name(),
                    name,
                    format.name().toLowerCase(Locale.ROOT));
            renamed.put(field, name);
        });
        return renamed;
    }
}
