package tutti.common.dataset;

import java.util.Optional;

/** Who speaks. */
public enum Role {
    SYSTEM,
    USER,
    ASSISTANT,
    /** The answer of a tool that the assistant has called. */
    TOOL;

    static final String KNOWN_NAMES =
            "human, user, gpt, assistant, chatgpt, system, developer, function_call, observation, tool, function";

    /** The names that ShareGPT files and OpenAI's messages use. */
    static Optional<Role> of(String name) {
        return switch (name) {
            case "human", "user" -> Optional.of(USER);
            case "gpt", "assistant", "chatgpt", "function_call" -> Optional.of(ASSISTANT);
            case "system", "developer" -> Optional.of(SYSTEM);
            case "observation", "tool", "function" -> Optional.of(TOOL);
            default -> Optional.empty();
        };
    }
}
