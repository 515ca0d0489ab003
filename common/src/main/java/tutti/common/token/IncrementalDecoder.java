package tutti.common.token;

import java.util.Arrays;

/**
 * Text while it is being generated. A token may be half a character, and its text may depend on the token before it, so a
 * piece is held back until it is settled. All pieces together are what {@link Tokenizer#decode} gives for all ids, but for
 * bytes that make no character: what was given out before them stays. Each call decodes a few tokens, however long the text
 * has become. For one thread.
 */
public final class IncrementalDecoder {
    private static final char REPLACEMENT = '\uFFFD';

    private final Tokenizer tokenizer;
    private final boolean skipSpecial;
    private int[] window = new int[16];
    private int length;
    /** Tokens at the head of the window whose text is out already; they stay as context for the next ones. */
    private int settled;

    public IncrementalDecoder(Tokenizer tokenizer, boolean skipSpecial) {
        this.tokenizer = tokenizer;
        this.skipSpecial = skipSpecial;
    }

    /** Returns the text that {@code id} settles; often empty, sometimes of several tokens. */
    public String next(int id) {
        if (length == window.length) {
            window = Arrays.copyOf(window, length * 2);
        }
        window[length++] = id;
        String before = decode(settled);
        String now = decode(length);
        if (now.length() <= before.length() || now.charAt(now.length() - 1) == REPLACEMENT) {
            return "";
        }
        String piece = newText(before, now);
        System.arraycopy(window, settled, window, 0, length - settled);
        length -= settled;
        settled = length;
        return piece;
    }

    /** Returns what is still held back, such as half a character; then the decoder begins anew. */
    public String finish() {
        String rest = newText(decode(settled), decode(length));
        length = 0;
        settled = 0;
        return rest;
    }

    /** A broken byte turns the good bytes before it into replacement characters too; those were given out already. */
    private String newText(String before, String now) {
        return now.startsWith(before)
                ? now.substring(before.length())
                : tokenizer.decode(Arrays.copyOfRange(window, settled, length), skipSpecial);
    }

    private String decode(int count) {
        return tokenizer.decode(Arrays.copyOf(window, count), skipSpecial);
    }
}
