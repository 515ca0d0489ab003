package tutti.common.token;

import java.util.ArrayList;
import java.util.List;
import tutti.common.dataset.Conversation;
import tutti.common.dataset.Role;
import tutti.common.dataset.Turn;
import tutti.common.error.TuttiException;

/**
 * The chat format {@code vicuna_v1.1} of FastChat ({@code conversation.py}, ADD_COLON_TWO): {@code SYSTEM USER: q ASSISTANT:
 * a</s>USER: ...}. A system turn takes the place of the usual system text.
 */
public final class VicunaTemplate implements ChatTemplate {
    static final String NAME = "vicuna_v1.1";

    public static final String SYSTEM = "A chat between a curious user and an artificial intelligence assistant. "
            + "The assistant gives helpful, detailed, and polite answers to the user's questions.";

    private static final String USER_NAME = "USER:";
    private static final String ASSISTANT_NAME = "ASSISTANT:";

    private final String endText;

    /** @param endText what ends an answer: {@code </s>} for Llama, the tokenizer's own end token for others */
    public VicunaTemplate(String endText) {
        this.endText = endText;
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public Rendered render(Conversation sample, boolean all) {
        return render(sample.turns());
    }

    Rendered render(List<Turn> turns) {
        boolean ownSystem = !turns.isEmpty() && turns.get(0).role() == Role.SYSTEM;
        StringBuilder text = new StringBuilder(ownSystem ? turns.get(0).text() : SYSTEM).append(' ');
        List<Rendered.Answer> answers = new ArrayList<>();
        boolean learnable = true;
        for (Turn turn : turns.subList(ownSystem ? 1 : 0, turns.size())) {
            boolean assistant = turn.role() == Role.ASSISTANT;
            text.append(assistant ? ASSISTANT_NAME : USER_NAME);
            if (turn.text().isEmpty()) {
                // FastChat writes the bare name, without separator.
                learnable = false;
                continue;
            }
            int start = text.length();
            text.append(' ').append(turn.text());
            if (assistant) {
                answers.add(
                        new Rendered.Answer(start, text.length(), text.length() + endText.length(), turn.learned()));
            }
            text.append(assistant ? endText : " ");
        }
        return new Rendered(text.toString(), List.copyOf(answers), learnable);
    }

    @Override
    public Rendered prompt(List<Turn> turns) {
        if (turns.isEmpty() || turns.get(turns.size() - 1).role() == Role.ASSISTANT) {
            throw TuttiException.user("a prompt needs a user turn at its end, it has %d turns", turns.size());
        }
        Rendered asked = render(turns);
        return new Rendered(asked.text() + ASSISTANT_NAME, asked.answers(), asked.learnable());
    }
}
