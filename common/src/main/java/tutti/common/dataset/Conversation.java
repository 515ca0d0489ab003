package tutti.common.dataset;

import java.util.List;

/**
 * A chat. At most one SYSTEM turn, and it is the first; then USER and ASSISTANT in turns, beginning with USER. A last USER
 * turn without an answer is allowed. May have no turns left after the rule that skips a leading answer.
 */
public record Conversation(String source, List<Turn> turns) implements Example {
    public Conversation {
        turns = List.copyOf(turns);
    }
}
