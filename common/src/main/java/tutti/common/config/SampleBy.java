package tutti.common.config;

/** What of a text file is one sample; the words of Hugging Face's {@code text} loader. */
public enum SampleBy {
    /** Each line that is not blank. */
    LINE,
    /** Lines up to a blank one. */
    PARAGRAPH,
    /** The whole file. */
    DOCUMENT
}
