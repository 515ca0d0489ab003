package tutti.common.dataset;

/**
 * What one speaker says at once; {@code text} may be empty and is never trimmed.
 *
 * @param learned whether an assistant's words are trained on; of no meaning for others
 */
public record Turn(Role role, String text, boolean learned) {
    public Turn(Role role, String text) {
        this(role, text, true);
    }
}
