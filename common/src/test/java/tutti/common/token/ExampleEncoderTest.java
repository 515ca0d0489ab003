package tutti.common.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.Shared;
import tutti.common.config.EncodingConfig;
import tutti.common.config.EncodingConfig.OverLength;
import tutti.common.config.EncodingConfig.TrainOn;
import tutti.common.dataset.Completion;
import tutti.common.dataset.Conversation;
import tutti.common.dataset.Datasets;
import tutti.common.dataset.Example;
import tutti.common.dataset.PlainText;
import tutti.common.dataset.Role;
import tutti.common.dataset.Tokens;
import tutti.common.dataset.Turn;
import tutti.common.error.TuttiException;

class ExampleEncoderTest {
    private static final int IGNORED = TokenizedExample.IGNORED;

    @Test
    void shouldLearnTheAnswersOfTheFirstVicunaSampleAndTheirEndTokens() {
        try (Tokenizer tokenizer = Tokenizer.open(Shared.file("models/stories260k"))) {
            List<Example> samples = Datasets.load(List.of(Shared.file("data/dummy_conversation.json")));
            TokenizedExample first =
                    new ExampleEncoder(java.util.Optional.of(tokenizer), 2048, 512).encode(samples.get(0));
            assertThat(learned(tokenizer, first))
                    .containsExactly(
                            "I am Vicuna, a language model trained by researchers from Large Model Systems Organization"
                                    + " (LMSYS).</s>",
                            "You too!</s>");
            assertThat(tokenizer.decode(first.inputIds(), false))
                    .startsWith("<s> A chat between a curious user")
                    .endsWith("(LMSYS).</s> USER: Have a nice day! ASSISTANT: You too!</s>");
            TokenizedExample second =
                    new ExampleEncoder(java.util.Optional.of(tokenizer), 2048, 512).encode(samples.get(1));
            assertThat(learned(tokenizer, second))
                    .containsExactly("My name is Vicuna, and I'm a language model developed by Large Model Systems"
                            + " Organization (LMSYS).</s>");
        }
    }

    @Test
    void shouldLabelByHandWhatIsShortEnoughToDoByHand() {
        try (Tokenizer tokenizer = Tokenizer.open(Shared.file("models/stories260k"))) {
            List<Turn> turns =
                    List.of(new Turn(Role.SYSTEM, "x"), user("a"), assistant("a"), user("a"), assistant("a"));
            TokenizedExample example = new ExampleEncoder(java.util.Optional.of(tokenizer), 100, 512)
                    .encode(new Conversation("hand", turns));
            int[] user = {471, 437, 459, 461, 467};
            int[] assistant = {447, 437, 437, 442, 437, 434, 447, 458, 434, 467};
            int space = 410;
            int a = 261;
            int[] ids = join(
                    new int[] {1, space, 444, space},
                    user,
                    new int[] {a, space},
                    assistant,
                    new int[] {a, 2, space},
                    user,
                    new int[] {a, space},
                    assistant,
                    new int[] {a, 2});
            assertThat(example.inputIds()).isEqualTo(ids);
            int[] labels = new int[ids.length];
            Arrays.fill(labels, IGNORED);
            labels[21] = a;
            labels[22] = 2;
            labels[labels.length - 2] = a;
            labels[labels.length - 1] = 2;
            assertThat(example.labels()).isEqualTo(labels);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"models/stories260k", "tokenizers/mistral"})
    void shouldMaskEveryVicunaSampleAsFastChatDoes(String folder) {
        try (Tokenizer tokenizer = Tokenizer.open(Shared.file(folder))) {
            List<Example> samples = Datasets.load(List.of(Shared.file("data/dummy_conversation.json")));
            ExampleEncoder encoder =
                    new ExampleEncoder(java.util.Optional.of(tokenizer), 4096, tokenizer.vocabularySize());
            for (Example sample : samples) {
                TokenizedExample example = encoder.encode(sample);
                assertThat(example.labels())
                        .as(sample.source())
                        .isEqualTo(fastChatLabels(tokenizer, ((Conversation) sample).turns()));
            }
        }
    }

    /** FastChat's preprocess() in short, its "-2" included: counts tokens of pieces where we compare spans. */
    private static int[] fastChatLabels(Tokenizer tokenizer, List<Turn> turns) {
        String text = new VicunaTemplate("</s>").render(turns).text();
        int[] target = tokenizer.encode(text, true).ids().clone();
        int current = 1;
        target[0] = IGNORED;
        for (String turn : text.split("</s>")) {
            String[] parts = turn.split(" ASSISTANT: ", -1);
            assertThat(parts).hasSize(2);
            int instruction = tokenizer.encode(parts[0] + " ASSISTANT: ", true).length() - 2;
            Arrays.fill(target, current, current + instruction, IGNORED);
            current += tokenizer.encode(turn, true).length();
        }
        assertThat(current).isEqualTo(target.length);
        return target;
    }

    @ParameterizedTest
    @ValueSource(strings = {"models/stories260k", "models/tinystories-656k", "tokenizers/qwen3", "tokenizers/mistral"})
    void shouldEndEveryAnswerWithOneEndTokenForEveryTokenizer(String folder) {
        try (Tokenizer tokenizer = Tokenizer.open(Shared.file(folder))) {
            List<Turn> turns = List.of(user("Hi \uD83D\uDE00"), assistant("no"), user("b"), assistant(" c d \n"));
            int eos = tokenizer.eosId().orElseThrow();
            EncodingConfig vicuna = new EncodingConfig("vicuna_v1.1", TrainOn.ASSISTANT, OverLength.TRUNCATE);
            TokenizedExample example = new ExampleEncoder(
                            java.util.Optional.of(tokenizer), vicuna, 500, tokenizer.vocabularySize())
                    .encode(new Conversation("s", turns));
            assertThat(Arrays.stream(example.inputIds()).filter(id -> id == eos))
                    .hasSize(2);
            assertThat(Arrays.stream(example.labels()).filter(id -> id == eos)).hasSize(2);
            assertThat(example.labels()[example.length() - 1]).isEqualTo(eos);
            assertThat(learned(tokenizer, example).stream()
                            .map(text ->
                                    text.replace(tokenizer.eosText().get(), "").strip()))
                    .containsExactly("no", "c d");
            int[] prompt = new ChatEncoder(tokenizer, "vicuna_v1.1").prompt(turns.subList(0, 3));
            assertThat(Arrays.stream(prompt).filter(id -> id == eos)).hasSize(1);
            assertThat(tokenizer.decode(prompt, false)).endsWith("USER: b ASSISTANT:");
        }
    }

    @Test
    void shouldGiveTheSameIdsPieceByPieceAsWholeWhereTheTokenizerSeesItsEndToken() {
        try (Tokenizer tokenizer = Tokenizer.open(Shared.file("tokenizers/mistral"))) {
            ChatEncoder chat = new ChatEncoder(tokenizer);
            var rendered = chat.render(
                    new Conversation(
                            "test",
                            List.of(user("Hi"), assistant("no"), user("b"), assistant(" \uD83D\uDE00"), user("e"))),
                    false);
            Encoded whole = chat.encode(rendered);
            Encoded pieces = chat.piecewise(rendered);
            assertThat(pieces.ids()).isEqualTo(whole.ids());
            assertThat(pieces.start()).isEqualTo(whole.start());
            assertThat(pieces.end()).isEqualTo(whole.end());
        }
    }

    @Test
    void shouldLearnWhatFollowsAPromptAndTheEndBehindIt() {
        try (Tokenizer tokenizer = Tokenizer.open(Shared.file("models/stories260k"))) {
            ExampleEncoder encoder = new ExampleEncoder(Optional.of(tokenizer), 64, 512);
            TokenizedExample sample = encoder.encode(new Completion("test", "Once upon", " a time"));
            int[] whole = tokenizer.encode("Once upon a time", true).ids();
            int[] prompt = tokenizer.encode("Once upon", true).ids();
            assertThat(sample.inputIds()).startsWith(whole).hasSize(whole.length + 1);
            assertThat(sample.inputIds()[whole.length])
                    .isEqualTo(tokenizer.eosId().getAsInt());
            for (int token = 0; token < sample.length(); token++) {
                assertThat(sample.labels()[token])
                        .isEqualTo(token < prompt.length ? IGNORED : sample.inputIds()[token]);
            }
            // Of plain text all but the beginning token, which nothing predicts.
            TokenizedExample plain = encoder.encode(new PlainText("test", "Once upon a time"));
            assertThat(plain.inputIds()).isEqualTo(sample.inputIds());
            assertThat(plain.labelledTokens()).isEqualTo(plain.length() - 1);
        }
    }

    @Test
    void shouldNotLearnATurnThatOnlyLeadsToLaterOnes() {
        try (Tokenizer tokenizer = Tokenizer.open(Shared.file("models/stories260k"))) {
            ExampleEncoder encoder = new ExampleEncoder(Optional.of(tokenizer), 256, 512);
            List<Turn> turns = List.of(user("a"), new Turn(Role.ASSISTANT, "no", false), user("b"), assistant("yes"));
            TokenizedExample both = encoder.encode(
                    new Conversation("test", List.of(user("a"), assistant("no"), user("b"), assistant("yes"))));
            TokenizedExample last = encoder.encode(new Conversation("test", turns));
            TokenizedExample first = encoder.encode(new Conversation("test", List.of(user("a"), assistant("no"))));
            assertThat(last.inputIds()).isEqualTo(both.inputIds());
            assertThat(last.labelledTokens()).isEqualTo(both.labelledTokens() - first.labelledTokens());
        }
    }

    @Test
    void shouldCountWhatItCutsAndNameWhatItDrops() {
        try (Tokenizer tokenizer = Tokenizer.open(Shared.file("models/stories260k"))) {
            List<Example> samples = new ArrayList<>();
            samples.add(tokens("first-label-only", new int[] {1, 2}, new int[] {1, IGNORED}));
            samples.add(tokens("cut-but-useful", new int[] {1, 2, 3, 4}, new int[] {IGNORED, 2, 3, 4}));
            samples.add(tokens("cut-to-nothing", new int[] {1, 2, 3, 4}, new int[] {IGNORED, IGNORED, IGNORED, 4}));
            samples.add(new Conversation("no-answer", List.of(user("hello"))));
            samples.add(new Conversation("no-turns", List.of()));
            samples.add(tokens("whole", new int[] {5, 6}, new int[] {5, 6}));
            ExampleEncoder.Result result =
                    new ExampleEncoder(java.util.Optional.of(tokenizer), 3, 512).encodeAll(samples);
            assertThat(result.report())
                    .isEqualTo(new EncodeReport(
                            6,
                            4,
                            List.of("first-label-only", "cut-to-nothing", "no-answer", "no-turns"),
                            3,
                            5,
                            Map.of(Finding.TRUNCATED, 4, Finding.NOTHING_LEARNED, 4, Finding.END_NOT_LEARNED, 1)));
            assertThat(result.examples()).hasSize(2);
            assertThat(result.examples().get(0).inputIds()).containsExactly(1, 2, 3);
            assertThat(result.report().summary())
                    .startsWith("2 samples, 5 tokens, 3 of them learned; 4 truncated, 4 dropped");
            assertThatThrownBy(() -> new ExampleEncoder(java.util.Optional.of(tokenizer), 3, 512)
                            .encodeAll(samples.subList(2, 4)))
                    .isInstanceOf(TuttiException.class)
                    .hasMessageContaining("none of 2 samples has a token to learn within --model_max_length=3");
        }
    }

    @Test
    void shouldRefuseIdsBeyondTheModelsTable() {
        try (Tokenizer tokenizer = Tokenizer.open(Shared.file("models/stories260k"))) {
            ExampleEncoder encoder = new ExampleEncoder(java.util.Optional.of(tokenizer), 10, 100);
            assertThatThrownBy(() -> encoder.encode(tokens("f:3", new int[] {1, 100}, new int[] {1, 1})))
                    .hasMessageContaining("f:3: input_ids[1] is 100, the model's vocabulary has 100 tokens");
            assertThatThrownBy(() -> encoder.encode(tokens("f:3", new int[] {1, 9}, new int[] {1, 100})))
                    .hasMessageContaining("labels[1] is 100");
            assertThatThrownBy(() -> encoder.encode(new Conversation("c#1", List.of(user("zebra")))))
                    .hasMessageContaining("c#1: input_ids[");
            assertThatThrownBy(() -> new ExampleEncoder(java.util.Optional.of(tokenizer), 1, 100))
                    .hasMessageContaining("--model_max_length=1");
        }
    }

    /** The labelled runs as text. */
    private static List<String> learned(Tokenizer tokenizer, TokenizedExample example) {
        List<String> runs = new ArrayList<>();
        for (int i = 0; i < example.length(); i++) {
            int from = i;
            while (i < example.length() && example.labels()[i] != IGNORED) {
                i++;
            }
            if (i > from) {
                runs.add(tokenizer.decode(Arrays.copyOfRange(example.labels(), from, i), false));
            }
        }
        return runs;
    }

    private static int[] join(int[]... parts) {
        return Arrays.stream(parts).flatMapToInt(Arrays::stream).toArray();
    }

    private static Example tokens(String source, int[] ids, int[] labels) {
        return new Tokens(source, ids, labels);
    }

    private static Turn user(String text) {
        return new Turn(Role.USER, text);
    }

    private static Turn assistant(String text) {
        return new Turn(Role.ASSISTANT, text);
    }
}
