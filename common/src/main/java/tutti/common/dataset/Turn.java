package tutti.common.dataset;

/** What one speaker says at once; {@code text} may be empty and is never trimmed. */
public record Turn(Role role, String text) {}
