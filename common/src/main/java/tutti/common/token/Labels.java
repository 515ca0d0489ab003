package tutti.common.token;

import java.util.Arrays;
import java.util.SortedSet;

/**
 * Which tokens of a rendered sample are learned.
 *
 * @param all those of prompts, too, but for answers that are not learned
 */
record Labels(ChatEncoder chat, boolean all, Rendered rendered) {

    /** As long as {@code encoded}: the token itself where it is learned. */
    int[] of(Encoded encoded) {
        int[] labels = new int[encoded.length()];
        Arrays.fill(labels, TokenizedExample.IGNORED);
        if (!rendered.learnable()) {
            return labels;
        }
        if (all) {
            System.arraycopy(encoded.ids(), 0, labels, 0, labels.length);
        }
        int token = 0;
        for (Rendered.Answer answer : rendered.answers()) {
            // A token that begins before the answer (": " in one piece) is the template's, not the assistant's.
            while (token < labels.length && encoded.start()[token] < answer.start() && !ends(encoded, token, answer)) {
                token++;
            }
            for (boolean ended = false; !ended && isOf(encoded, token, answer); token++) {
                labels[token] = answer.learned() ? encoded.ids()[token] : TokenizedExample.IGNORED;
                ended = ends(encoded, token, answer);
            }
        }
        return labels;
    }

    private boolean isOf(Encoded encoded, int token, Rendered.Answer answer) {
        return token < encoded.length() && (hasEnd(answer) || encoded.start()[token] < answer.end());
    }

    /** Where a template has written the end among the words the answer simply ends. */
    private boolean ends(Encoded encoded, int token, Rendered.Answer answer) {
        return hasEnd(answer) && chat.isEndOf(encoded, token, answer);
    }

    private static boolean hasEnd(Rendered.Answer answer) {
        return answer.endToken() < answer.end();
    }

    /** Does every stretch of learned tokens close with an end token? */
    static boolean eachEnds(TokenizedExample sample, SortedSet<Integer> stops) {
        int[] labels = sample.labels();
        for (int token = 0; token < labels.length; token++) {
            boolean closes = token == labels.length - 1 || labels[token + 1] == TokenizedExample.IGNORED;
            if (closes && labels[token] != TokenizedExample.IGNORED && !stops.contains(labels[token])) {
                return false;
            }
        }
        return true;
    }
}
