package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.error.Category;
import tutti.test.support.Shared;

/** {@code tutti chat} by a real process whose input and output are pipes; what else it says, called here. */
class ChatTest {
    @TempDir
    Path folder;

    @Test
    void shouldAnswerEachLineAndRememberTheOnesBefore() throws Exception {
        // What was said is less likely to be said again, so an answer tells whether it was remembered.
        try (TuttiProcess chat = chat("--max_new_tokens", "6", "--repetition_penalty", "1.5")) {
            chat.say("Tell me of Lily.");
            chat.awaitLine("^tutti: note: the answer is cut at --max_new_tokens=6$");
            String first = chat.out();
            assertThat(first).isNotBlank().hasLineCount(1);
            chat.say("", "Tell me of Lily.");
            chat.awaitLines(List.of("the answer is cut", "the answer is cut"));
            chat.say("/reset", "Tell me of Lily.", "/exit", "Never asked.");
            chat.succeed();
            List<String> answers = chat.out().lines().toList();
            assertThat(answers).hasSize(3);
            assertThat(answers.get(1)).as("it sees what it said").isNotEqualTo(first);
            assertThat(answers.get(2)).as("it has forgotten").isEqualTo(first);
        }
    }

    @Test
    void shouldSayWhenTheContextIsFullAndGoOnAfterAReset() {
        Called chat = Called.saying(
                "Tell me of the big red dog and the park.\nAnd then?\n/reset\nHi\n",
                words("--system", "Be brief.", "--model_max_length", "160", "--max_new_tokens", "400"));
        assertThat(chat.code()).as(chat.err()).isZero();
        assertThat(chat.err())
                .containsPattern(
                        "(?ms)^tutti: note: the context of 160 tokens is full; /reset begins anew$.*"
                                + "^tutti: note: not answered: [^\\n]* more than the 160 tokens of its context; /reset begins anew$");
        assertThat(chat.out().lines()).as("answers").hasSizeGreaterThanOrEqualTo(2);
    }

    @Test
    void shouldRefuseAnEmptyStopString() {
        Refusal.assertEnd(Called.tutti(words("--stop", "")), Category.USER, "--stop: an empty text");
    }

    private TuttiProcess chat(String... more) {
        return TuttiProcess.start(folder, words(more));
    }

    private static String[] words(String... more) {
        List<String> words = new ArrayList<>(
                List.of("chat", "--model", Shared.path("models/stories260k").toString(), "--temperature", "0"));
        words.addAll(List.of("--chat_template", "chatml"));
        words.addAll(List.of(more));
        return words.toArray(String[]::new);
    }
}
