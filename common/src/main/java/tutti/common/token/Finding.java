package tutti.common.token;

/** What is wrong with a sample, or was done to it. */
public enum Finding {
    NOTHING_LEARNED("nothing to learn, left out"),
    TRUNCATED("cut at --model_max_length"),
    TOO_LONG("longer than --model_max_length, left out"),
    DOUBLED_BOS("two beginning tokens: the template writes one, and so does the data or the tokenizer"),
    END_NOT_LEARNED("an answer that does not learn to end: its last token is no end token, or is masked"),
    PADDING_LEARNED(
            "padding that is learned: a padding token at the end, or two end tokens; where both are one token, labels have to tell them apart"),
    UNKNOWN_MARKER(
            "the chat template writes a marker, such as <|im_start|>, that is no token of the tokenizer; are both of this model?");

    private final String meaning;

    Finding(String meaning) {
        this.meaning = meaning;
    }

    /** For people. */
    public String meaning() {
        return meaning;
    }
}
