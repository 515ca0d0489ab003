package tutti.common.token;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import tutti.common.dataset.Conversation;

/**
 * Do template and tokenizer agree? A marker of the template, such as {@code <|im_start|>}, has to be one token: in pieces it is text like
 * any other, which no model was trained to obey, and a text of the data can spell it. Thread-safe.
 */
final class TemplateMarkers {
    /** What models use for it; tags such as {@code <think>} are words in some of them. */
    private static final Pattern MARKER =
            Pattern.compile("<\\|[^<>|\\s]{1,64}\\|>|</?s>|<(?:bos|eos|start_of_turn|end_of_turn)>");

    private final Tokenizer tokenizer;
    /** Of those that the template writes, which are few. */
    private final Map<String, Boolean> known = new ConcurrentHashMap<>();

    TemplateMarkers(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /** Is each that the template writes around this chat a token? What the chat itself spells is not the template's. */
    boolean allKnown(String rendered, Conversation chat) {
        return MARKER.matcher(rendered)
                .results()
                .map(found -> found.group())
                .distinct()
                .filter(marker -> !known.getOrDefault(marker, false))
                .filter(marker -> !spells(chat, marker))
                .allMatch(marker -> known.computeIfAbsent(marker, this::isToken));
    }

    private static boolean spells(Conversation chat, String marker) {
        return chat.tools().contains(marker)
                || chat.turns().stream().anyMatch(turn -> turn.text().contains(marker));
    }

    private boolean isToken(String marker) {
        return tokenizer.encode(marker, false).length() == 1;
    }
}
