package tutti.common.dataset;

/**
 * What one speaker says at once; {@code text} may be empty and is never trimmed.
 *
 * @param text with calls of tools as JSON in it, for templates that know no calls
 * @param learned whether an assistant's words are trained on; of no meaning for others
 * @param messages where tools are called, or answer: this turn as a JSON array of messages as OpenAI and chat templates have them; else empty
 */
public record Turn(Role role, String text, boolean learned, String messages) {
    public Turn(Role role, String text) {
        this(role, text, true);
    }

    public Turn(Role role, String text, boolean learned) {
        this(role, text, learned, "");
    }

    /** The same words. */
    public Turn withLearned(boolean whether) {
        return new Turn(role, text, whether, messages);
    }
}
