package tutti.common.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

class AnswersTest {
    private static final PlainText TEXT = new PlainText("a.jsonl:1", "Q: What follows A: here?\nA: SELECT a");

    /** A tokenizer puts the blank before a word into its token: which is the answer's. */
    @ParameterizedTest
    @ValueSource(strings = {"A:", "A: ", "A:  \t"})
    void shouldCutBehindTheLastOfTheWordsAndLeaveTheBlankToTheAnswer(String words) {
        assertThat(Answers.apart(TEXT, words))
                .isEqualTo(new Completion("a.jsonl:1", "Q: What follows A: here?\nA:", " SELECT a"));
    }

    @Test
    void shouldLeaveOtherSamplesAsTheyAre() {
        Completion completion = new Completion("b", "A: 1", "A: 2");
        assertThat(Answers.apart(completion, "A:")).isSameAs(completion);
        assertThat(Answers.apart(TEXT, "")).isSameAs(TEXT);
    }

    @Test
    void shouldNameATextThatDoesNotHaveTheWords() {
        assertThatThrownBy(() -> Answers.apart(TEXT, "Answer: "))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.DATA))
                .hasMessage(
                        "a.jsonl:1: 'Answer:' is not in this text, so --answer_after does not tell where its answer begins: "
                                + "Q: What follows A: here??A: SELECT a");
    }
}
