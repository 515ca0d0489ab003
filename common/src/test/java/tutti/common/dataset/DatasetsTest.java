package tutti.common.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.common.Shared;
import tutti.common.config.DataConfig;
import tutti.common.config.DataFormat;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

class DatasetsTest {
    private static final String CHAT =
            "{\"id\":\"x\",\"conversations\":[{\"from\":\"human\",\"value\":\"q\"},{\"from\":\"gpt\",\"value\":\"a\"}]}";
    private static final String TOKENS = "{\"input_ids\":[1,2],\"labels\":[-100,2]}";

    @TempDir
    Path folder;

    @Test
    void shouldReadTheVicunaFileWhole() {
        List<Example> examples = Datasets.load(List.of(Shared.file("data/dummy_conversation.json")));
        assertThat(examples).hasSize(500).allMatch(example -> example instanceof Conversation);
        Conversation first = (Conversation) examples.get(0);
        assertThat(first.source()).endsWith("dummy_conversation.json#0 (identity_0)");
        assertThat(first.turns()).hasSize(4);
        assertThat(first.turns().get(0)).isEqualTo(new Turn(Role.USER, "Who are you?"));
        assertThat(first.turns().get(3)).isEqualTo(new Turn(Role.ASSISTANT, "You too!"));
    }

    @Test
    void shouldReadEveryFormatAsArrayAndAsLinesInTheOrderOfTheFiles() throws IOException {
        Path array = write("a.json", " [" + CHAT + ",\n" + TOKENS + "]\n");
        Path lines = write("b.jsonl", "\uFEFF" + TOKENS + "\n\n" + CHAT);
        List<Example> examples = Datasets.load(List.of(lines, array));
        assertThat(examples)
                .extracting(Example::source)
                .containsExactly(lines + ":1", lines + ":3", array + "#0 (x)", array + "#1");
        Tokens tokens = (Tokens) examples.get(0);
        assertThat(tokens.inputIds()).containsExactly(1, 2);
        assertThat(tokens.labels()).containsExactly(-100, 2);
    }

    @Test
    void shouldHoldTheFirstSamplesAloneAndReadAll() throws IOException {
        Path lines = write("a.jsonl", TOKENS + "\n" + CHAT + "\n" + CHAT);
        Datasets.Loaded first = Datasets.first(new DataConfig(List.of(lines)), 1);
        assertThat(first.examples()).hasSize(1).hasOnlyElementsOfType(Tokens.class);
        assertThat(first.formats()).containsExactly(DataFormat.TOKENS);
        assertThat(first.all()).isEqualTo(3);
        assertThat(first.notes()).singleElement().asString().contains("1 sample of tokens", "2 samples of sharegpt");
        write("a.jsonl", TOKENS + "\n{\"x\":1}");
        assertThatThrownBy(() -> Datasets.first(new DataConfig(List.of(lines)), 1))
                .hasMessageContaining("a.jsonl:2");
    }

    @Test
    void shouldPassOverKeysItDoesNotNeedAndKeepTextAsItIs() throws IOException {
        Path file = write(
                "a.jsonl",
                "{\"meta\":{\"labels\":[\"x\"]},\"id\":7,\"conversations\":[{\"value\":\" q\\u0000 \uD83D\uDE00\\n\",\"weight\":1,"
                        + "\"from\":\"user\"}],\"tools\":[]}");
        Conversation read = (Conversation) Datasets.load(List.of(file)).get(0);
        assertThat(read.turns()).containsExactly(new Turn(Role.USER, " q\0 \uD83D\uDE00\n"));
    }

    @ParameterizedTest
    @CsvSource({
        "human gpt human gpt, USER ASSISTANT USER ASSISTANT",
        "gpt human gpt, USER ASSISTANT",
        "system human gpt, SYSTEM USER ASSISTANT",
        "system gpt user assistant human, SYSTEM USER ASSISTANT USER",
        "human gpt human, USER ASSISTANT USER",
        "gpt, ''",
        "system, SYSTEM",
    })
    void shouldSkipALeadingAnswerAndKeepATrailingQuestion(String from, String kept) throws IOException {
        Conversation read = (Conversation)
                Datasets.load(List.of(write("a.jsonl", chat(from)))).get(0);
        assertThat(String.join(
                        " ",
                        read.turns().stream().map(turn -> turn.role().name()).toList()))
                .isEqualTo(kept);
    }

    @ParameterizedTest
    @CsvSource({
        "human human gpt, turn 1 is from USER",
        "gpt gpt human, turn 1 is from ASSISTANT",
        "human gpt gpt, turn 2 is from ASSISTANT",
        "human system gpt, turn 1 is from SYSTEM",
        "system system human, turn 1 is from SYSTEM",
        "human narrator, turn 1 is from 'narrator'",
        "human observation, turn 1 is from TOOL",
        "observation gpt, turn 0 is from TOOL",
    })
    void shouldRefuseRolesThatDoNotAlternate(String from, String message) throws IOException {
        refused(chat(from), "a.jsonl:1: " + message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"input_ids\":[1,2],\"labels\":[1]} | a.jsonl:1: input_ids has 2 tokens, labels has 1",
                "{\"input_ids\":[],\"labels\":[]} | input_ids has 0 tokens",
                "{\"input_ids\":[1]} | input_ids without labels",
                "{\"input_ids\":[1,-1],\"labels\":[1,1]} | input_ids[1] is -1",
                "{\"input_ids\":[1,-100],\"labels\":[1,1]} | input_ids[1] is -100",
                "{\"input_ids\":[1],\"labels\":[-1]} | labels[0] is -1, needs token ids from 0 to 2^31 - 1 or -100",
                "{\"input_ids\":[4294967296],\"labels\":[1]} | input_ids[0] is 4294967296",
                "{\"input_ids\":[1.5],\"labels\":[1]} | input_ids[0] is 1.5",
                "{\"input_ids\":[[1]],\"labels\":[1]} | input_ids[0] is START_ARRAY",
                "{\"instruction\":\"x\",\"reply\":\"y\"} | unknown format, its keys are [instruction, reply]; supported are",
                "{\"conversations\":[]} | a.jsonl:1: conversation has no turns",
                "{\"conversations\":[{\"from\":\"human\"}]} | turn 0 needs \"from\" and \"value\"",
                "{\"conversations\":[{\"from\":\"human\",\"value\":null}]} | turn 0 value is null",
                "{\"conversations\":\"hi\"} | conversations is hi",
                "{\"conversations\":[ | a.jsonl:1:",
                "{\"id\":1,\"id\":2} | malformed JSON: Duplicate",
                "[{\"a\":1}] | #0 at line 1: unknown format",
                "[1] | sample 0 is VALUE_NUMBER_INT",
                "hello | a.jsonl:1:",
                "[] | holds no samples",
                "{} | unknown format, its keys are []",
            })
    void shouldRefuseWhatItCannotTrainOnAndNameThePlace(String json, String message) throws IOException {
        refused(json, message);
    }

    @Test
    void shouldShowOnlyTheBeginningOfALongTextAndNoControlCharacters() throws IOException {
        String text = "\\u001b[2J" + "x".repeat(100_000);
        String shown = "?[2J" + "x".repeat(76) + "...";
        refused("{\"conversations\":\"" + text + "\"}", "conversations is " + shown + ",");
        refused("{\"conversations\":[{\"from\":\"" + text + "\",\"value\":\"\"}]}", "is from '" + shown + "'");
        refused("{\"input_ids\":[" + "1".repeat(900) + "]}", "is " + "1".repeat(80) + "...,");
        refused("{\"" + text.substring(0, 1000) + "\":1}", "[" + shown + "]");
        refused("[{\"id\":\"" + text + "\"}]", "(" + shown + ")");
    }

    @Test
    void shouldNameTheLineWhereTheJsonBreaks() throws IOException {
        refused(TOKENS + "\n" + TOKENS + "\n{\"input_ids\":[1,}", "a.jsonl:3:17: malformed JSON");
        refused("[" + TOKENS + ",\n" + TOKENS, "a.jsonl:2:");
        refused("[" + TOKENS + "]\n" + TOKENS, "a.jsonl:2: text after the end");
        refused("[" + CHAT + ",\n" + CHAT.replace("gpt", "human") + "]", "#1 (x) at line 2: turn 1");
        refused("", "is empty");
        refused(" \n ", "is empty");
    }

    @Test
    void shouldOnlyEverReadOrRefuseDamagedText() throws IOException {
        byte[] whole = ("[" + CHAT + ",\n" + TOKENS + "]").getBytes(StandardCharsets.UTF_8);
        Random random = new Random(42);
        Path file = folder.resolve("fuzz.json");
        for (int round = 0; round < 3000; round++) {
            byte[] damaged = whole.clone();
            damaged[random.nextInt(whole.length)] = whole[random.nextInt(whole.length)];
            damaged[random.nextInt(whole.length)] = (byte) random.nextInt();
            Files.write(file, damaged);
            try {
                assertThat(Datasets.load(List.of(file))).as("round %d", round).isNotEmpty();
            } catch (TuttiException refused) {
                assertThat(refused.category()).as("round %d", round).isEqualTo(Category.DATA);
                assertThat(refused.getMessage()).as("round %d", round).contains("fuzz.json");
            }
        }
    }

    @Test
    void shouldRefuseWhatIsNotUtf8() throws IOException {
        Path file = folder.resolve("latin.jsonl");
        Files.write(file, CHAT.replace("q", "\u00e9").getBytes(StandardCharsets.ISO_8859_1));
        assertThatThrownBy(() -> Datasets.load(List.of(file))).hasMessageContaining("is not UTF-8");
    }

    @Test
    void shouldNameAMissingFileAndAFolder() {
        assertThatThrownBy(() -> Datasets.load(List.of(folder.resolve("none.json"))))
                .hasMessageContaining("none.json: no such file");
        assertThatThrownBy(() -> Datasets.load(List.of(folder))).hasMessageContaining("a folder without data files");
        assertThatThrownBy(() -> Datasets.load(List.of())).hasMessageContaining("--data_path");
    }

    private void refused(String json, String message) throws IOException {
        Path file = write("a.jsonl", json);
        assertThatThrownBy(() -> Datasets.load(List.of(file)))
                .isInstanceOfSatisfying(TuttiException.class, e -> {
                    assertThat(e.category()).isEqualTo(Category.DATA);
                    assertThat(e.getMessage()).startsWith(file.toString()).doesNotContain("\n");
                })
                .hasMessageContaining(message);
    }

    private static String chat(String from) {
        StringBuilder turns = new StringBuilder();
        for (String name : from.split(" ")) {
            turns.append(turns.isEmpty() ? "" : ",").append("{\"from\":\"" + name + "\",\"value\":\"text\"}");
        }
        return "{\"conversations\":[" + turns + "]}";
    }

    private Path write(String name, String content) throws IOException {
        return Files.writeString(folder.resolve(name), content);
    }
}
