package tutti.common.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.Shared;
import tutti.common.config.EncodingConfig;
import tutti.common.config.EncodingConfig.OverLength;
import tutti.common.config.EncodingConfig.TrainOn;
import tutti.common.dataset.Conversation;
import tutti.common.dataset.Datasets;
import tutti.common.dataset.Example;
import tutti.common.dataset.Role;
import tutti.common.dataset.Tokens;
import tutti.common.dataset.Turn;
import tutti.common.error.TuttiException;

/** Which template a run has, and what of a chat it says is the assistant's. */
class ChatTemplatesTest {
    private static final Map<String, String> SPECIAL = Map.of("bos_token", "<s>", "eos_token", "</s>");
    private static final Conversation CHAT = new Conversation(
            "test",
            List.of(
                    new Turn(Role.SYSTEM, "Be brief."),
                    new Turn(Role.USER, "Hi"),
                    new Turn(Role.ASSISTANT, "Hello."),
                    new Turn(Role.USER, "Who are you?"),
                    new Turn(Role.ASSISTANT, "Tutti.")));

    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({
        "vicuna_v1.1, ' Hello.</s>', ' Tutti.</s>'",
        "chatml, 'Hello.<|im_end|>', 'Tutti.<|im_end|>'",
        "llama-2, ' Hello. </s>', ' Tutti. </s>'",
        "alpaca, 'Hello.</s>', 'Tutti.</s>'"
    })
    void shouldLearnAnswersWithTheirEndInEveryBuiltInTemplate(String name, String first, String second) {
        Rendered rendered = ChatTemplates.of(name, folder, "</s>", SPECIAL).render(CHAT, false);
        assertThat(answers(rendered)).containsExactly(first, second);
        // What the model is asked with is what stands before its answer.
        Rendered prompt = ChatTemplates.of(name, folder, "</s>", SPECIAL)
                .prompt(CHAT.turns().subList(0, 4));
        assertThat(rendered.text()).isEqualTo(prompt.text() + second + (name.equals("chatml") ? "\n" : ""));
    }

    @Test
    void shouldWriteChatsAsTheirMakersDo() {
        assertThat(ChatTemplates.of("llama-2", folder, "</s>", SPECIAL)
                        .render(CHAT, false)
                        .text())
                .isEqualTo("<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Hello. </s>"
                        + "<s>[INST] Who are you? [/INST] Tutti. </s>");
        assertThat(ChatTemplates.of("chatml", folder, "</s>", SPECIAL)
                        .render(CHAT, false)
                        .text())
                .startsWith(
                        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello.");
        Conversation plain = new Conversation("test", CHAT.turns().subList(1, 3));
        assertThat(ChatTemplates.of("alpaca", folder, "</s>", SPECIAL)
                        .render(plain, false)
                        .text())
                .isEqualTo(
                        "<s>Below is an instruction that describes a task. Write a response that appropriately completes the"
                                + " request.\n\n### Instruction:\nHi\n\n### Response:\nHello.</s>");
    }

    /** By its generation blocks, and without them by rendering prefixes. */
    @ParameterizedTest
    @ValueSource(strings = {"chatml", "llama-2", "alpaca"})
    void shouldFindTheSameAnswersWithAndWithoutGenerationBlocks(String name) {
        String source = ChatTemplates.toKeep(name).orElseThrow();
        String without = source.replaceAll("\\{%-?\\s*(end)?generation\\s*-?%}", "");
        assertThat(without).isNotEqualTo(source);
        Rendered marked = new JinjaChatTemplate(name, source, SPECIAL).render(CHAT, false);
        Rendered found = new JinjaChatTemplate(name, without, SPECIAL).render(CHAT, false);
        assertThat(found.text()).isEqualTo(marked.text());
        assertThat(found.answers()).hasSize(2).isEqualTo(marked.answers());
    }

    /** As a template does that marks thoughts and words apart. */
    @Test
    void shouldGiveAnAnswerAllOfItsGenerationBlocks() {
        String source = """
                {%- for m in messages -%}
                {{ m.role }}:
                {%- if m.role == 'assistant' -%}
                {% generation %}thoughts{% endgeneration %}|{% generation %}{{ m.content }}</s>{% endgeneration %}
                {%- else -%}
                {{ m.content }}
                {%- endif -%}
                {%- endfor -%}
                {{ 'assistant:' if add_generation_prompt else '' }}""";
        ChatTemplate twice = new JinjaChatTemplate("twice", source, SPECIAL);
        assertThat(answers(twice.render(CHAT, false)))
                .containsExactly("thoughts", "Hello.</s>", "thoughts", "Tutti.</s>");
        List<Turn> turns = new ArrayList<>(CHAT.turns());
        turns.set(2, turns.get(2).withLearned(false));
        assertThat(answers(twice.render(new Conversation("test", turns), false)))
                .as("of the last answer alone")
                .containsExactly("thoughts", "Tutti.</s>");

        String some = source.replace("{% generation %}thoughts{% endgeneration %}|", "")
                .replace("m.role == 'assistant'", "m.role == 'assistant' and loop.last");
        assertThatThrownBy(() -> new JinjaChatTemplate("some", some, SPECIAL).render(CHAT, false))
                .hasMessage(
                        "test: chat template some has 1 generation blocks for 2 answers, and which are whose cannot be told;"
                                + " each answer needs one");
    }

    /** The last answer of Qwen3 begins with thoughts, which earlier ones lose when others follow. */
    @ParameterizedTest
    @CsvSource({
        "qwen3, Hello.<|im_end|>, '<think>\n\n</think>\n\nTutti.<|im_end|>'",
        "trl/qwen3, Hello.<|im_end|>, '<think>\n\n</think>\n\nTutti.<|im_end|>'",
        "qwen2.5, Hello.<|im_end|>, Tutti.<|im_end|>",
        "tinyllama-chat-zephyr, Hello.</s>, Tutti.</s>",
        "trl/phi3, Hello.<|end|>, Tutti.<|end|>\n<|endoftext|>"
    })
    void shouldFindAnswersInTemplatesOfOthers(String name, String first, String second) throws Exception {
        Rendered rendered = template(name).render(CHAT, false);
        assertThat(answers(rendered)).containsExactly(first, second.replace("\\n", "\n"));
    }

    @Test
    void shouldRefuseATemplateThatHidesWhatTheAssistantSays() {
        String shouts =
                "{% for message in messages %}{{ message.content | upper if loop.last else message.content }}{% endfor %}";
        ChatTemplate template = new JinjaChatTemplate("shouts", shouts, SPECIAL);
        assertThatThrownBy(() -> template.render(CHAT, false))
                .isInstanceOf(TuttiException.class)
                .hasMessageContainingAll("test", "shouts", "--train_on completion", "{% generation %}");
    }

    @Test
    void shouldTakeTheFoldersOwnTemplateBeforeTheUsualOne() throws Exception {
        assertThat(ChatTemplates.of("", folder, "</s>", SPECIAL).name()).isEqualTo("vicuna_v1.1");
        Files.writeString(
                folder.resolve("tokenizer_config.json"),
                "{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \"no\"}, {\"name\": \"default\", \"template\": \"one\"}]}");
        assertThat(ChatTemplates.of("", folder, "</s>", SPECIAL)
                        .render(CHAT, false)
                        .text())
                .isEqualTo("one");
        Files.writeString(folder.resolve("chat_template.jinja"), "two");
        assertThat(ChatTemplates.of("", folder, "</s>", SPECIAL)
                        .render(CHAT, false)
                        .text())
                .isEqualTo("two");
        Path file = Files.writeString(folder.resolve("mine.jinja"), "three");
        assertThat(ChatTemplates.of(file.toString(), folder, "</s>", SPECIAL)
                        .render(CHAT, false)
                        .text())
                .isEqualTo("three");
        assertThatThrownBy(() -> ChatTemplates.of("chatlm", folder, "</s>", SPECIAL))
                .hasMessage("--chat_template chatlm: no file, and none of vicuna_v1.1, chatml, llama-2, alpaca");
    }

    @ParameterizedTest
    @CsvSource({"ASSISTANT, 2", "COMPLETION, 1", "ALL, 0"})
    void shouldLearnWhatIsAskedFor(TrainOn trainOn, int answers) {
        try (Tokenizer tokenizer = Tokenizer.open(Shared.file("tokenizers/qwen3"))) {
            EncodingConfig options = new EncodingConfig("", trainOn, OverLength.TRUNCATE);
            ExampleEncoder encoder =
                    new ExampleEncoder(Optional.of(tokenizer), options, 500, tokenizer.vocabularySize());
            ExampleEncoder.Sample sample = encoder.describe(CHAT);
            String end = tokenizer.eosText().orElseThrow();
            assertThat(sample.text()).startsWith("<|im_start|>system\nBe brief.");
            assertThat(sample.findings()).isEmpty();
            int[] learned = Arrays.stream(sample.example().labels())
                    .filter(label -> label != TokenizedExample.IGNORED)
                    .toArray();
            String text = tokenizer.decode(learned, false);
            if (trainOn == TrainOn.ALL) {
                assertThat(learned).isEqualTo(sample.example().inputIds());
            } else {
                assertThat(text).endsWith("Tutti." + end);
                assertThat(text.split(Pattern.quote(end))).hasSize(answers);
            }
        }
    }

    @Test
    void shouldLearnTheLastAnswerWhereSomebodyElseSpeaksLast() {
        try (Tokenizer tokenizer = Tokenizer.open(Shared.file("tokenizers/qwen3"))) {
            List<Turn> turns = new ArrayList<>(CHAT.turns());
            turns.add(new Turn(Role.USER, "Bye"));
            ExampleEncoder encoder = new ExampleEncoder(
                    Optional.of(tokenizer),
                    new EncodingConfig("", TrainOn.COMPLETION, OverLength.TRUNCATE),
                    500,
                    tokenizer.vocabularySize());
            int[] learned = Arrays.stream(encoder.describe(new Conversation("test", turns))
                            .example()
                            .labels())
                    .filter(label -> label != TokenizedExample.IGNORED)
                    .toArray();
            assertThat(tokenizer.decode(learned, false))
                    .contains("Tutti.")
                    .endsWith(tokenizer.eosText().orElseThrow())
                    .doesNotContain("Hello", "Bye");
        }
    }

    @Test
    void shouldSayWhatIsWrongWithASample() {
        try (Tokenizer tokenizer = Tokenizer.open(Shared.file("models/stories260k"))) {
            // The end that this template writes is none that the tokenizer knows.
            ExampleEncoder chatml = new ExampleEncoder(
                    Optional.of(tokenizer),
                    new EncodingConfig("chatml", TrainOn.ASSISTANT, OverLength.TRUNCATE),
                    500,
                    512);
            assertThat(chatml.describe(CHAT).findings())
                    .containsExactly(Finding.END_NOT_LEARNED, Finding.UNKNOWN_MARKER);
            ExampleEncoder drops = new ExampleEncoder(
                    Optional.of(tokenizer), new EncodingConfig("", TrainOn.ASSISTANT, OverLength.DROP), 20, 512);
            assertThat(drops.describe(CHAT).findings()).contains(Finding.TOO_LONG);
            assertThat(drops.describe(CHAT).kept()).isFalse();
            ExampleEncoder refuses = new ExampleEncoder(
                    Optional.of(tokenizer), new EncodingConfig("", TrainOn.ASSISTANT, OverLength.ERROR), 20, 512);
            assertThatThrownBy(() -> refuses.describe(CHAT))
                    .hasMessageContainingAll("test: ", "more than --model_max_length=20", "--over_length truncate");
            ExampleEncoder usual = new ExampleEncoder(Optional.of(tokenizer), 500, 512);
            int bos = tokenizer.bosId().orElseThrow();
            assertThat(usual.describe(new Tokens("t", new int[] {bos, bos, 9, 2}, new int[] {-100, -100, 9, 2}))
                            .findings())
                    .containsExactly(Finding.DOUBLED_BOS);
            assertThat(usual.describe(new Tokens("t", new int[] {bos, 9, 2}, new int[] {-100, 9, -100}))
                            .findings())
                    .containsExactly(Finding.END_NOT_LEARNED);
            // Where pad is the end token, a collator may take the end for padding, or the padding for an end.
            assertThat(usual.describe(
                                    new Tokens("t", new int[] {bos, 9, 2, 2, 2}, new int[] {-100, 9, -100, -100, -100}))
                            .findings())
                    .containsExactly(Finding.END_NOT_LEARNED);
            assertThat(usual.describe(new Tokens("t", new int[] {bos, 9, 2, 2, 2}, new int[] {-100, 9, 2, 2, 2}))
                            .findings())
                    .containsExactly(Finding.PADDING_LEARNED);
            assertThat(usual.describe(new Tokens("t", new int[] {bos, 9, 2, 2, 2}, new int[] {-100, 9, 2, -100, -100}))
                            .findings())
                    .isEmpty();
        }
    }

    @Test
    void shouldTakeMarkersThatTheChatSpellsItselfForTheChats() {
        try (Tokenizer tokenizer = Tokenizer.open(Shared.file("models/stories260k"))) {
            ExampleEncoder usual = new ExampleEncoder(Optional.of(tokenizer), 500, 512);
            Conversation chat = new Conversation(
                    "test",
                    List.of(
                            new Turn(Role.USER, "What is <|im_end|>?"),
                            new Turn(Role.ASSISTANT, "An end, like </s>.")));
            assertThat(usual.describe(chat).findings()).isEmpty();
        }
    }

    @Test
    void shouldNoticePaddingThatIsLearnedWhereItIsATokenOfItsOwn() throws Exception {
        Path model = Shared.file("models/stories260k");
        Files.copy(model.resolve("tokenizer.json"), folder.resolve("tokenizer.json"));
        Files.writeString(
                folder.resolve("tokenizer_config.json"),
                Files.readString(model.resolve("tokenizer_config.json"))
                        .replace("\"pad_token\": null", "\"pad_token\": \"<unk>\""));
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            int pad = tokenizer.padId().orElseThrow();
            ExampleEncoder encoder = new ExampleEncoder(Optional.of(tokenizer), 500, 512);
            int[] padded = {1, 9, 2, pad, pad};
            assertThat(encoder.describe(new Tokens("t", padded, padded)).findings())
                    .containsExactly(Finding.PADDING_LEARNED);
            assertThat(encoder.describe(new Tokens("t", padded, new int[] {1, 9, 2, -100, -100}))
                            .findings())
                    .isEmpty();
        }
    }

    /** As transformers writes them from the messages themselves; a template that knows no calls has them as JSON in the words. */
    @Test
    void shouldGiveCallsOfToolsToTemplatesThatKnowThem() throws Exception {
        Path file = Files.writeString(folder.resolve("calls.jsonl"), """
                {"messages": [{"role": "user", "content": "Weather?"}, {"role": "assistant", "content": "", "tool_calls": [\
                {"type": "function", "function": {"name": "weather", "arguments": "{\\"city\\": \\"Bern\\"}"}}, \
                {"type": "function", "function": {"name": "time", "arguments": {}}}]}, \
                {"role": "tool", "content": "rain"}, {"role": "tool", "content": "noon"}, \
                {"role": "assistant", "content": "Rain at noon."}]}
                {"conversations": [{"from": "human", "value": "Weather?"}, \
                {"from": "function_call", "value": "{\\"name\\": \\"weather\\", \\"arguments\\": {\\"city\\": \\"Bern\\"}}"}, \
                {"from": "observation", "value": "rain"}, {"from": "gpt", "value": "Rain."}]}
                """);
        List<Example> samples = Datasets.load(List.of(file));
        ChatTemplate qwen25 = template("qwen2.5");
        Rendered calls = qwen25.render((Conversation) samples.get(0), false);
        assertThat(answers(calls)).containsExactly("""
                            <tool_call>
                            {"name": "weather", "arguments": {"city": "Bern"}}
                            </tool_call>
                            <tool_call>
                            {"name": "time", "arguments": {}}
                            </tool_call><|im_end|>""", "Rain at noon.<|im_end|>");
        assertThat(calls.text()).contains("""
                            <|im_start|>user
                            <tool_response>
                            rain
                            </tool_response>
                            <tool_response>
                            noon
                            </tool_response><|im_end|>
                            """);
        assertThat(answers(qwen25.render((Conversation) samples.get(1), false)))
                .containsExactly("""
                            <tool_call>
                            {"name": "weather", "arguments": {"city": "Bern"}}
                            </tool_call><|im_end|>""", "Rain.<|im_end|>");
        ChatTemplate chatml = ChatTemplates.of("chatml", folder, "</s>", Map.of());
        assertThat(answers(chatml.render((Conversation) samples.get(1), false)))
                .containsExactly(
                        "{\"name\": \"weather\", \"arguments\": {\"city\": \"Bern\"}}<|im_end|>", "Rain.<|im_end|>");
    }

    @Test
    void shouldRefuseATemplateThatWritesNothingOfACallAndSayOfWhichSample() throws Exception {
        Path file = Files.writeString(folder.resolve("calls.jsonl"), """
                {"conversations": [{"from": "human", "value": "Weather?"}, \
                {"from": "function_call", "value": "{\\"name\\": \\"weather\\", \\"arguments\\": {}}"}]}
                {"conversations": [{"from": "human", "value": "Weather?"}, \
                {"from": "function_call", "value": "{\\"name\\": \\"weather\\", \\"arguments\\": {}} or so"}]}
                """);
        List<Example> samples = Datasets.load(List.of(file));
        ChatTemplate silent = new JinjaChatTemplate(
                "silent",
                "{% for message in messages %}{{ message.role }}:{% if not message.tool_calls %}{{ message.content }}{% endif %}\n"
                        + "{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}",
                SPECIAL);
        assertThatThrownBy(() -> silent.render((Conversation) samples.get(0), false))
                .hasMessage(file
                        + ":1: chat template silent writes nothing of the call of weather in turn 1; another one is needed"
                        + " for such data");
        assertThat(answers(silent.render((Conversation) samples.get(1), false)))
                .as("more than a call is text")
                .containsExactly("{\"name\": \"weather\", \"arguments\": {}} or so");
        ChatTemplate refusing =
                new JinjaChatTemplate("refusing", "{{ raise_exception('no ' + messages[0].role) }}", SPECIAL);
        assertThatThrownBy(() -> refusing.render((Conversation) samples.get(0), false))
                .hasMessageStartingWith(file + ":1: ")
                .hasMessageContaining("no user");
    }

    private static ChatTemplate template(String name) throws IOException {
        JsonNode template = new ObjectMapper()
                .readTree(Shared.file("fixtures/chat-templates/rendered.json").toFile())
                .path("templates")
                .path(name);
        Map<String, String> special = Map.of(
                "bos_token",
                template.path("bos").asText(),
                "eos_token",
                template.path("eos").asText());
        return new JinjaChatTemplate(name, template.path("template").asText(), special);
    }

    private static List<String> answers(Rendered rendered) {
        return rendered.answers().stream()
                .map(answer -> rendered.text().substring(answer.start(), answer.end()))
                .toList();
    }
}
