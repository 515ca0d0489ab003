package tutti.common.config;

import java.util.List;
import java.util.Map;

/** What a sample looks like, whatever kind of file it lies in. Earlier ones win where a sample has the fields of several. */
public enum DataFormat {
    /** Seen from the fields of each sample. */
    AUTO(List.of(), Map.of()),
    /** Turns of {@code from} and {@code value}; fields {@code system} and {@code tools} may stand beside them. */
    SHAREGPT(List.of("conversations"), Map.of(Keys.MESSAGES_FIELD, "conversations", Keys.SYSTEM_FIELD, "system")),
    /** OpenAI's turns of {@code role} and {@code content}. */
    MESSAGES(List.of("messages"), Map.of(Keys.MESSAGES_FIELD, "messages")),
    /** Also {@code labels}, which have to be there. */
    TOKENS(List.of("input_ids"), Map.of()),
    PROMPT_COMPLETION(
            List.of("prompt", "completion"), Map.of(Keys.PROMPT_FIELD, "prompt", Keys.COMPLETION_FIELD, "completion")),
    /** Also {@code input}, {@code system} and {@code history}. */
    ALPACA(
            List.of("instruction", "output"),
            Map.of(
                    Keys.PROMPT_FIELD,
                    "instruction",
                    Keys.INPUT_FIELD,
                    "input",
                    Keys.COMPLETION_FIELD,
                    "output",
                    Keys.SYSTEM_FIELD,
                    "system")),
    /** Also {@code context}. */
    DOLLY(
            List.of("instruction", "response"),
            Map.of(Keys.PROMPT_FIELD, "instruction", Keys.CONTEXT_FIELD, "context", Keys.COMPLETION_FIELD, "response")),
    SQL_CREATE_CONTEXT(
            List.of("question", "context", "answer"),
            Map.of(Keys.PROMPT_FIELD, "question", Keys.CONTEXT_FIELD, "context", Keys.COMPLETION_FIELD, "answer")),
    GSM8K(List.of("question", "answer"), Map.of(Keys.PROMPT_FIELD, "question", Keys.COMPLETION_FIELD, "answer")),
    TEXT(List.of("text"), Map.of(Keys.TEXT_FIELD, "text"));

    private final List<String> needed;
    private final Map<Key, String> fields;

    DataFormat(List<String> needed, Map<Key, String> fields) {
        this.needed = needed;
        this.fields = fields;
    }

    /** Fields that every sample has. */
    public List<String> needed() {
        return needed;
    }

    /** Flags that give one of its fields another name, with the name it has otherwise. */
    Map<Key, String> fields() {
        return fields;
    }
}
