package tutti.common.dataset;

import java.util.ArrayList;
import java.util.List;
import tutti.common.error.TuttiException;

/** What FastChat's {@code preprocess} asks of a conversation, and what it forgives; a tool's answer stands where a user's words may. */
final class ConversationRules {
    private ConversationRules() {}

    /** @param where names the sample in errors */
    static List<Turn> apply(String where, List<Turn> turns) {
        if (turns.isEmpty()) {
            throw TuttiException.data("%s: conversation has no turns; remove the sample", where);
        }
        int chatBegins = turns.get(0).role() == Role.SYSTEM ? 1 : 0;
        List<Turn> kept = new ArrayList<>(turns.subList(0, chatBegins));
        // FastChat: skip the first one if it is not from human. Only one: two answers in a row stay an error.
        int skipped = chatBegins < turns.size() && turns.get(chatBegins).role() == Role.ASSISTANT ? 1 : 0;
        Role expected = Role.USER;
        for (int i = chatBegins + skipped; i < turns.size(); i++) {
            Turn turn = turns.get(i);
            Turn before = kept.isEmpty() ? null : kept.get(kept.size() - 1);
            boolean tool = turn.role() == Role.TOOL;
            if (tool && before != null && before.role() == Role.TOOL) {
                // Several calls at once have several answers, which come as one turn.
                kept.set(
                        kept.size() - 1,
                        new Turn(
                                Role.TOOL,
                                before.text() + "\n" + turn.text(),
                                true,
                                ToolCalls.both(before.messages(), turn.messages())));
                continue;
            }
            boolean answersACall = tool && before != null && before.role() == Role.ASSISTANT;
            if (turn.role() != expected && !answersACall) {
                throw TuttiException.data(
                        "%s: turn %d is from %s, needs %s; human and gpt alternate, system comes first",
                        where, i, turn.role(), expected);
            }
            kept.add(turn);
            expected = expected == Role.USER ? Role.ASSISTANT : Role.USER;
        }
        return kept;
    }
}
