package tutti.common.dataset;

import java.util.Optional;

/** Who speaks. */
public enum Role {
    SYSTEM,
    USER,
    ASSISTANT,
    /** The answer of a tool that the assistant has called. */
    TOOL;

    static final String KNOWN_NAMES = "human, user, gpt, assistant, system";

    /** The names that ShareGPT files use. */
    static Optional<Role> of(String from) {
        return switch (from) {
            case "human", "user" -> Optional.of(USER);
            case "gpt", "assistant" -> Optional.of(ASSISTANT);
            case "system" -> Optional.of(SYSTEM);
            default -> Optional.empty();
        };
    }
}
