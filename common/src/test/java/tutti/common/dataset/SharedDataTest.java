package tutti.common.dataset;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.common.Shared;
import tutti.common.config.DataConfig;
import tutti.common.config.DataFormat;
import tutti.common.config.SampleBy;

/** Files as people have them. */
class SharedDataTest {

    @ParameterizedTest
    @CsvSource({
        "dummy_conversation.json, 500 samples of sharegpt, JSON",
        "glaive_toolcall_en_demo.json, 300 samples of sharegpt, JSON",
        "identity.json, 91 samples of alpaca, JSON",
        "dolly-sample.json, 12 samples of dolly, JSON",
        "c4_demo.jsonl, 300 samples of text, JSON Lines",
        "gsm8k/train-2000.jsonl, '2,000 samples of gsm8k', JSON Lines",
        "gsm8k/test-300.jsonl, 300 samples of gsm8k, JSON Lines",
        "wikisql/train.jsonl, '1,000 samples of text', JSON Lines",
        "wikisql/valid.jsonl, 100 samples of text, JSON Lines",
        "text/tinystories_944k.txt, '5,758 samples of text', text",
        "text/wizard_of_oz_248k.txt, '4,286 samples of text', text",
    })
    void shouldReadEveryFileWholeAndSayWhatItHolds(String name, String held, String kind) {
        Path file = Shared.file("data/" + name);
        assertThat(Datasets.load(new DataConfig(List.of(file))).notes())
                .containsExactly("data: " + file + ": " + held + ", " + kind);
    }

    @Test
    void shouldKeepToolsAndTheirCallsAsTheyAreWritten() {
        Conversation first = (Conversation) load("glaive_toolcall_en_demo.json").get(0);
        assertThat(first.turns().stream().map(Turn::role))
                .containsExactly(
                        Role.USER,
                        Role.ASSISTANT,
                        Role.USER,
                        Role.ASSISTANT,
                        Role.TOOL,
                        Role.ASSISTANT,
                        Role.USER,
                        Role.ASSISTANT);
        assertThat(first.turns().get(3).text())
                .isEqualTo(
                        "{\"name\": \"search_recipes\", \"arguments\": {\"ingredients\": [\"chicken\", \"bell peppers\","
                                + " \"rice\"]}}");
        assertThat(first.tools()).startsWith("[{\"name\": \"search_recipes\", \"description\"");
    }

    @Test
    void shouldPutAContextBehindItsInstruction() {
        List<Example> dolly = load("dolly-sample.json");
        assertThat(((Conversation) dolly.get(0)).turns().get(0).text())
                .startsWith("When did Virgin Australia start operating?\nVirgin Australia, the trading name of");
        assertThat(((Conversation) dolly.get(1)).turns())
                .containsExactly(
                        new Turn(Role.USER, "Which is a species of fish? Tope or Rope"),
                        new Turn(Role.ASSISTANT, "Tope"));
    }

    @Test
    void shouldReadParquetByTheNamesOfItsFields() {
        Path file = Shared.file("data/spider/validation.parquet");
        Map<String, String> names = Map.of("prompt", "question", "completion", "query");
        DataConfig config = new DataConfig(List.of(file), true, DataFormat.PROMPT_COMPLETION, names, SampleBy.LINE, "");
        Datasets.Loaded loaded = Datasets.load(config);
        assertThat(loaded.notes()).containsExactly("data: " + file + ": 1,034 samples of prompt_completion, Parquet");
        assertThat(loaded.examples().get(0))
                .isEqualTo(new Completion(file + "#0", "How many singers do we have?", "SELECT count(*) FROM singer"));
    }

    private static List<Example> load(String name) {
        return Datasets.load(List.of(Shared.file("data/" + name)));
    }
}
