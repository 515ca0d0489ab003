package tutti.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.common.error.Category;

/** {@code tutti data} on samples that are tokens already: no tokenizer is needed. */
class DataCommandTest {
    @TempDir
    Path folder;

    private Path data;
    private String error = "";

    @BeforeEach
    void write() throws IOException {
        Files.writeString(folder.resolve("config.json"), """
                {"model_type": "llama", "hidden_size": 288, "intermediate_size": 768, "num_hidden_layers": 6,
                 "num_attention_heads": 6, "vocab_size": 100, "max_position_embeddings": 1024, "tie_word_embeddings": true}
                """);
        data = Files.writeString(folder.resolve("data.jsonl"), """
                {"input_ids": [1, 5, 6, 2], "labels": [-100, -100, 6, 2]}
                {"input_ids": [1, 5, 6, 2], "labels": [-100, -100, 6, 2]}
                {"input_ids": [1, 5, 6, 7, 8, 9], "labels": [-100, -100, -100, -100, -100, 9]}
                """);
    }

    @Test
    void shouldCountLengthsDuplicatesAndWhatIsLeftOut() {
        assertThat(data(0, "--model_max_length", "5"))
                .contains("data.jsonl:1: 4 tokens, 2 learned")
                .contains("3 samples, 2 of them trained on: 8 tokens, 4 learned")
                .containsPattern("4 to +7 tokens +#+ 3")
                .contains("nothing to learn, left out: 1 (" + data + ":3)")
                .contains("cut at --model_max_length: 1 (" + data + ":3)")
                .contains("the same as an earlier one: 1 (" + data + ":2)");
    }

    @Test
    void shouldPrintAnObjectForEachSample() throws IOException {
        String[] lines = data(0, "--json", "--over_length", "drop", "--model_max_length", "5")
                .split("\n");
        assertThat(lines).hasSize(3);
        JsonNode first = new ObjectMapper().readTree(lines[0]);
        assertThat(first.get("source").asText()).isEqualTo(data + ":1");
        assertThat(first.get("input_ids").toString()).isEqualTo("[1,5,6,2]");
        assertThat(first.get("labels").toString()).isEqualTo("[-100,-100,6,2]");
        assertThat(first.get("findings")).isEmpty();
        assertThat(new ObjectMapper().readTree(lines[2]).get("findings").toString())
                .isEqualTo("[\"nothing_learned\",\"too_long\"]");
    }

    @ParameterizedTest
    @CsvSource({"--samples 2, 2", "--samples=0, 0", "--samples 9, 5", "--bf16, 3"})
    void shouldShowAsManySamplesAsAreAskedForAndCountAll(String flag, int shown) throws IOException {
        Files.writeString(data, "{\"input_ids\": [1, 2], \"labels\": [1, 2]}\n".repeat(5));
        assertThat(data(0, flag.split(" ")))
                .contains("5 samples, 5 of them trained on")
                .satisfies(text -> assertThat(text.split("data.jsonl:[0-9]+: 2 tokens", -1))
                        .hasSize(shown + 1));
    }

    @Test
    void shouldPrintTheFirstObjectsAloneWhereSoManyAreAskedFor() {
        assertThat(data(0, "--json", "--samples", "2").lines())
                .hasSize(2)
                .first()
                .asString()
                .contains("data.jsonl:1");
        assertThat(data(0, "--json", "--samples", "0")).isEmpty();
    }

    @Test
    void shouldRefuseFewerThanNoSamples() {
        data(Category.USER.exitCode(), "--samples", "-1");
        assertThat(error).contains("--samples=-1: at least 0");
    }

    @Test
    void shouldRefuseWhatIsLongerWhereThatIsAskedFor() {
        data(Category.DATA.exitCode(), "--over_length", "error", "--model_max_length", "5");
        assertThat(error).contains(data + ":3: 6 tokens, more than --model_max_length=5");
    }

    /** Of the samples that are trained on: two of three. */
    @Test
    void shouldSayHowOftenTheSamplesOfEachEntryAreUsed() throws IOException {
        Path other = Files.copy(data, folder.resolve("other.jsonl"));
        String flags = data + "," + other;
        assertThat(data(0, "--data_path", flags, "--data_weights", "0.5,2", "--model_max_length", "5"))
                .contains("weights: an epoch has 1 of the 2 samples of %s, 4 of the 2 samples of %s"
                        .formatted(data, other));
        assertThat(data(0, "--data_path", flags)).doesNotContain("weights:");
    }

    private String data(int code, String... flags) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        PrintStream errors = new PrintStream(err, true, StandardCharsets.UTF_8);
        DataCommand command = new DataCommand(new PrintStream(out, true, StandardCharsets.UTF_8), errors, false);
        List<String> words = new ArrayList<>(List.of("data", "--model_name_or_path", folder.toString()));
        if (!List.of(flags).contains("--data_path")) {
            words.addAll(List.of("--data_path", data.toString()));
        }
        words.addAll(List.of(flags));
        assertThat(Tutti.execute(Tutti.commandLine(RunFlags.data(command)), errors, words.toArray(String[]::new)))
                .as(() -> err.toString(StandardCharsets.UTF_8))
                .isEqualTo(code);
        error = err.toString(StandardCharsets.UTF_8);
        return out.toString(StandardCharsets.UTF_8);
    }
}
