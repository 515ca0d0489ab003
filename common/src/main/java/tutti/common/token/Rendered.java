package tutti.common.token;

import java.util.List;
import tutti.common.dataset.Completion;
import tutti.common.dataset.PlainText;

/**
 * A sample as one text.
 *
 * @param answers what the model says in it, in order
 * @param learnable false if nothing of it is learned all the same
 * @param complete true if all special tokens are written in it, so that a tokenizer adds none
 */
public record Rendered(String text, List<Answer> answers, boolean learnable, boolean complete) {
    public Rendered {
        answers = List.copyOf(answers);
    }

    /** A text to which the tokenizer adds what begins it. */
    public Rendered(String text, List<Answer> answers, boolean learnable) {
        this(text, answers, learnable, false);
    }

    /**
     * An answer in UTF-16 units of the text, up to {@code end}. A space before the words belongs to it where the model writes the space. Its
     * end token is {@code [endToken, end)}; empty where the template writes it among the words.
     *
     * @param learned false for one that only leads to later ones
     */
    public record Answer(int start, int endToken, int end, boolean learned) {
        public Answer(int start, int endToken, int end) {
            this(start, endToken, end, true);
        }
    }

    /** @param endText what ends a text */
    static Rendered of(Completion sample, String endText) {
        return closed(sample.prompt(), sample.completion(), endText);
    }

    /** As above. */
    static Rendered of(PlainText sample, String endText) {
        return closed("", sample.text(), endText);
    }

    private static Rendered closed(String given, String learned, String endText) {
        int start = given.length();
        int endToken = start + learned.length();
        return new Rendered(
                given + learned + endText,
                List.of(new Answer(start, endToken, endToken + endText.length())),
                !learned.isEmpty());
    }
}
