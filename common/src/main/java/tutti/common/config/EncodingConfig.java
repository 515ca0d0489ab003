package tutti.common.config;

/**
 * How samples become tokens, and which of those are learned.
 *
 * @param chatTemplate name of a built-in one, or a file with Jinja as Hugging Face uses it; empty: the model folder's own, or {@code
 *     vicuna_v1.1} where it has none
 */
public record EncodingConfig(String chatTemplate, TrainOn trainOn, OverLength overLength) {
    public static final EncodingConfig USUAL = new EncodingConfig("", TrainOn.ASSISTANT, OverLength.TRUNCATE);

    /** What of a sample is learned; never what a turn's own flag leaves out. */
    public enum TrainOn {
        /** All answers of a conversation, with their end tokens; what follows a prompt. */
        ASSISTANT,
        /** The last answer of a conversation alone: all before it is its prompt. */
        COMPLETION,
        /** Every token. */
        ALL
    }

    /** What becomes of samples that are longer than {@code --model_max_length}. */
    public enum OverLength {
        /** They lose their tail. */
        TRUNCATE,
        /** They are left out. */
        DROP,
        /** The run is refused. */
        ERROR
    }

    static EncodingConfig read(Settings settings) {
        return new EncodingConfig(
                settings.text(Keys.CHAT_TEMPLATE),
                settings.choice(Keys.TRAIN_ON, TrainOn.class),
                settings.choice(Keys.OVER_LENGTH, OverLength.class));
    }
}
