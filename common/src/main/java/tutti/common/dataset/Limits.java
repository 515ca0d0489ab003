package tutti.common.dataset;

import com.fasterxml.jackson.core.StreamReadConstraints;

/** More than any sample has: they bound what a broken file can take. */
final class Limits {
    /** Longest text of one turn or field, in characters; a longer one is a broken file, not a conversation. */
    static final int MAX_TEXT = 16 * 1024 * 1024;

    static final int MAX_TOKENS = 1 << 24;
    static final int MAX_TURNS = 1 << 16;
    /** Texts, numbers, lists and objects of one sample: token ids and labels of the longest, and some. */
    static final int MAX_VALUES = 2 * MAX_TOKENS + MAX_TURNS;

    static final StreamReadConstraints JSON = StreamReadConstraints.builder()
            .maxStringLength(MAX_TEXT)
            .maxNestingDepth(100)
            .build();

    /** Characters of the file that a message shows. */
    private static final int SHOWN = 80;

    private Limits() {}

    /** Text of a file as a message shows it: short, and without characters that would move the cursor of a terminal. */
    static String clip(String text) {
        String head = text.length() <= SHOWN ? text : text.substring(0, SHOWN) + "...";
        return head.replaceAll("\\p{Cc}", "?");
    }
}
