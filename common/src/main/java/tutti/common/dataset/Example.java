package tutti.common.dataset;

/** One training sample as read; immutable by agreement (arrays are not copied). */
public sealed interface Example permits Conversation, Completion, PlainText, Tokens {
    /** Where it came from, for messages: {@code file:line}, or {@code file#index (id)} counted from 0. */
    String source();
}
