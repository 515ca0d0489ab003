package tutti.common.dataset;

import java.util.List;

/**
 * A chat. At most one SYSTEM turn, and it is the first; then USER or TOOL and ASSISTANT in turns, beginning with USER. A last USER
 * turn without an answer is allowed. May have no turns left after the rule that skips a leading answer.
 *
 * @param tools what the assistant may call: a JSON array as templates get it, or empty
 */
public record Conversation(String source, List<Turn> turns, String tools) implements Example {
    public Conversation(String source, List<Turn> turns) {
        this(source, turns, "");
    }

    public Conversation {
        turns = List.copyOf(turns);
    }

    /** Number of the last turn of the assistant; -1 if it has none. */
    public int lastAnswer() {
        int last = turns.size() - 1;
        while (last >= 0 && turns.get(last).role() != Role.ASSISTANT) {
            last--;
        }
        return last;
    }
}
