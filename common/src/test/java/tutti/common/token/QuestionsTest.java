package tutti.common.token;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.Shared;
import tutti.common.dataset.Completion;
import tutti.common.dataset.Conversation;
import tutti.common.dataset.Example;
import tutti.common.dataset.PlainText;
import tutti.common.dataset.Role;
import tutti.common.dataset.Tokens;
import tutti.common.dataset.Turn;

class QuestionsTest {
    private static final Tokenizer TOKENIZER = Tokenizer.open(Shared.file("models/stories260k"));

    private final Questions questions = new Questions(TOKENIZER, "", 512);

    @AfterAll
    static void close() {
        TOKENIZER.close();
    }

    @Test
    void shouldAskForTheLastAnswerInTheWordsOfTheTrainingEvenIfItIsNotLearned() {
        Conversation chat = new Conversation(
                "c",
                List.of(
                        new Turn(Role.USER, "Hi"),
                        new Turn(Role.ASSISTANT, "Hello."),
                        new Turn(Role.USER, "Who?"),
                        new Turn(Role.ASSISTANT, "Lily.", false),
                        new Turn(Role.USER, "Bye")));
        Question question = questions.of(chat).orElseThrow();
        assertThat(question.text()).isEqualTo("Who?");
        assertThat(question.wanted()).isEqualTo("Lily.");
        assertThat(TOKENIZER.decode(question.ids(), true)).endsWith("USER: Hi ASSISTANT: Hello. USER: Who? ASSISTANT:");
    }

    @Test
    void shouldAskHowAPromptGoesOnHoweverLongItIs() {
        String prompt = "Once upon a time ".repeat(500);
        Question question =
                questions.of(new Completion("c", prompt, " there was")).orElseThrow();
        assertThat(question.ids().length).isGreaterThan(2000);
        assertThat(question.wanted()).isEqualTo(" there was");
        assertThat(question.fits(question.ids().length)).isTrue();
        assertThat(question.fits(question.ids().length - 1)).isFalse();
    }

    @Test
    void shouldAskNothingWhereNothingIsAnswered() {
        List<Example> silent = List.of(
                new PlainText("t", "Once"),
                new Tokens("t", new int[] {1, 22, 2}, new int[] {-100, 22, 2}),
                new Conversation("c", List.of(new Turn(Role.USER, "Hi"))),
                new Conversation("c", List.of()));
        assertThat(silent).noneMatch(Questions::asks);
        assertThat(questions.of(silent)).isEmpty();
    }

    /** The turn's own text where a template knows no calls. */
    @Test
    void shouldWantOfACallWhatTheTemplateWritesOfIt(@TempDir Path folder) throws IOException {
        Path template = Files.writeString(folder.resolve("calls.jinja"), """
                {%- for message in messages -%}
                {{ message.role }}:
                {%- for call in message.tool_calls %} call {{ call.function.name }} {{ call.function.arguments | tojson -}}
                {% else %} {{ message.content -}}
                {% endfor -%}
                {{ eos_token if message.role == 'assistant' else '; ' }}
                {%- endfor -%}
                {{ 'assistant:' if add_generation_prompt else '' }}""");
        String call = "[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":"
                + "[{\"function\":{\"name\":\"time\",\"arguments\":{\"at\":\"noon\"}}}]}]";
        Turn asked = new Turn(Role.USER, "When?");
        Turn calling = new Turn(Role.ASSISTANT, "Let me see: time", true, call);
        Conversation chat = new Conversation("c", List.of(asked, calling));

        Questions withCalls = new Questions(TOKENIZER, template.toString(), 512);
        Question question = withCalls.of(chat).orElseThrow();
        assertThat(question.wanted().strip()).isEqualTo("call time {\"at\": \"noon\"}");
        assertThat(TOKENIZER.decode(question.ids(), true)).endsWith("user: When?; assistant:");
        assertThat(questions.of(chat).orElseThrow().wanted()).isEqualTo("Let me see: time");
    }
}
