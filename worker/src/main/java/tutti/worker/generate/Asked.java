package tutti.worker.generate;

import java.util.List;
import java.util.Optional;
import tutti.common.dataset.Completion;
import tutti.common.dataset.Conversation;
import tutti.common.dataset.Example;
import tutti.common.dataset.Role;
import tutti.common.dataset.Turn;
import tutti.common.token.ChatEncoder;

/**
 * What a sample asks of a model: the last answer of a conversation, or how a prompt goes on.
 *
 * @param question for people
 * @param turns before the answer; empty where the question itself is to be continued
 */
record Asked(String question, List<Turn> turns, String wanted) {

    /** Empty for samples that want no answer: running text, token ids, conversations without an assistant. */
    static Optional<Asked> of(Example sample) {
        if (sample instanceof Completion completion) {
            return Optional.of(new Asked(completion.prompt(), List.of(), completion.completion()));
        }
        if (!(sample instanceof Conversation conversation)) {
            return Optional.empty();
        }
        List<Turn> turns = conversation.turns();
        int last = turns.size() - 1;
        while (last >= 0 && turns.get(last).role() != Role.ASSISTANT) {
            last--;
        }
        return last < 1
                ? Optional.empty()
                : Optional.of(new Asked(
                        turns.get(last - 1).text(),
                        turns.subList(0, last),
                        turns.get(last).text()));
    }

    int[] prompt(ChatEncoder encoder) {
        return turns.isEmpty() ? encoder.beginning(question) : encoder.prompt(turns);
    }
}
