package tutti.common.token;

import java.util.Arrays;

/**
 * Text as tokens. Token {@code i} came from the UTF-16 units {@code [start[i], end[i])} of the text; several tokens share a
 * span where one character takes more than one. Tokens that the tokenizer added by itself (beginning of text) have no text:
 * {@code start[i] == end[i] == }{@link #NO_TEXT}.
 */
public record Encoded(int[] ids, int[] start, int[] end) {
    public static final int NO_TEXT = -1;

    public int length() {
        return ids.length;
    }

    Encoded withoutLast() {
        int length = ids.length - 1;
        return new Encoded(Arrays.copyOf(ids, length), Arrays.copyOf(start, length), Arrays.copyOf(end, length));
    }
}
