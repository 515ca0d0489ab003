package tutti.common.token;

import java.util.Arrays;

/**
 * Text while it is being generated. A token may be half a character, and its text may depend on the token before it, so a
 * piece is held back until it is settled. All pieces together are what {@link Tokenizer#decode} gives for all ids. Each call
 * decodes a few tokens, however long the text has become. For one thread.
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
        System.arraycopy(window, settled, window, 0, length - settled);
        length -= settled;
        settled = length;
        return now.substring(before.length());
    }

    /** Returns what is still held back, such as half a character; then the decoder begins anew. */
    public String finish() {
        String rest = decode(length).substring(decode(settled).length());
        length = 0;
        settled = 0;
        return rest;
    }

    private String decode(int count) {
        return tokenizer.decode(Arrays.copyOf(window, count), skipSpecial);
    }
}
