package tutti.common.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import tutti.common.dataset.Role;
import tutti.common.dataset.Turn;

class VicunaTemplateTest {
    private static final Turn HI = new Turn(Role.USER, "Hi");
    private static final Turn HELLO = new Turn(Role.ASSISTANT, "Hello.");

    private final VicunaTemplate template = new VicunaTemplate("</s>");

    @Test
    void shouldWriteWhatFastChatWrites() {
        assertThat(template.render(List.of(HI, HELLO, HI, HELLO)).text())
                .isEqualTo("A chat between a curious user and an artificial intelligence assistant. The assistant gives"
                        + " helpful, detailed, and polite answers to the user's questions."
                        + " USER: Hi ASSISTANT: Hello.</s>USER: Hi ASSISTANT: Hello.</s>");
    }

    @Test
    void shouldMarkAnswersFromTheSpaceToTheEndToken() {
        var rendered = template.render(List.of(new Turn(Role.SYSTEM, "Be brief."), HI, HELLO, HI));
        assertThat(rendered.text()).isEqualTo("Be brief. USER: Hi ASSISTANT: Hello.</s>USER: Hi ");
        var answer = rendered.answers().get(0);
        assertThat(rendered.answers()).hasSize(1);
        assertThat(rendered.text().substring(answer.start(), answer.endToken())).isEqualTo(" Hello.");
        assertThat(rendered.text().substring(answer.endToken(), answer.end())).isEqualTo("</s>");
    }

    @Test
    void shouldPromptForTheNextAnswer() {
        assertThat(template.prompt(List.of(HI, HELLO, HI)).text())
                .endsWith(" ASSISTANT: Hello.</s>USER: Hi ASSISTANT:");
        assertThatThrownBy(() -> template.prompt(List.of(HI, HELLO))).hasMessageContaining("needs a user turn");
    }

    @Test
    void shouldLearnNothingFromAConversationWithAnEmptyTurn() {
        var rendered = template.render(List.of(HI, new Turn(Role.ASSISTANT, "")));
        assertThat(rendered.text()).endsWith("USER: Hi ASSISTANT:");
        assertThat(rendered.learnable()).isFalse();
    }
}
