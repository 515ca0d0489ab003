package tutti.common.token;

import java.util.List;
import tutti.common.dataset.Conversation;
import tutti.common.dataset.Turn;

/** How a chat is written as text. */
sealed interface ChatTemplate permits VicunaTemplate, JinjaChatTemplate {
    /** Where it came from, for messages. */
    String name();

    /**
     * The whole chat, and what of it the assistant says.
     *
     * @param all answers that are not learned have to be told, too
     */
    Rendered render(Conversation sample, boolean all);

    /** The text that asks the model for the next answer. The last turn must not be the assistant's. */
    Rendered prompt(List<Turn> turns);
}
