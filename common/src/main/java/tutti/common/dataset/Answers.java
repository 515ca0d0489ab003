package tutti.common.dataset;

import tutti.common.error.TuttiException;

/** Where in a plain text its answer begins: {@code --answer_after}. */
final class Answers {
    private Answers() {}

    /**
     * A plain text as prompt and completion, cut behind the last {@code words} in it; white space between goes to the completion, as
     * tokenizers put it before a word. Any other sample stays what it is.
     *
     * @param words empty: a text stays whole, too
     */
    static Example apart(Example sample, String words) {
        if (words.isEmpty() || !(sample instanceof PlainText plain)) {
            return sample;
        }
        String ends = words.stripTrailing();
        int at = plain.text().lastIndexOf(ends);
        if (at < 0) {
            throw TuttiException.data(
                    "%s: '%s' is not in this text, so --answer_after does not tell where its answer begins: %s",
                    plain.source(), ends, Limits.clip(plain.text()));
        }
        int cut = at + ends.length();
        return new Completion(
                plain.source(), plain.text().substring(0, cut), plain.text().substring(cut));
    }
}
