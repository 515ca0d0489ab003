package tutti.common.config;

/**
 * One flag of {@code tutti run}, which is also one key of {@code --config run.yaml}.
 *
 * @param name snake_case, as torchrun or TrainingArguments spell it
 * @param kind how its text is read
 * @param fallback the value as text when nobody gives one
 * @param group heading in the help
 * @param help one line
 */
public record Key(String name, Kind kind, String fallback, String group, String help) {

    /** What a value may look like. */
    public enum Kind {
        WORD,
        /** {@code True}, {@code true}, {@code 1}, {@code yes}, or the bare flag. */
        SWITCH,
        /** As a switch, or one of the words that the help names. */
        POLICY,
        INTEGER,
        /** Any decimal form, {@code 0.} and {@code 2e-5} included. */
        NUMBER,
        /** Comma-separated, or a YAML list. */
        LIST,
        /** JSON, or a YAML mapping. */
        OBJECT
    }
}
