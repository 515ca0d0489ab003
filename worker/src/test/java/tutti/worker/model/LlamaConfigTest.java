package tutti.worker.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

class LlamaConfigTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"model_type\":\"gpt2\"} | model_type='gpt2' is not supported",
                "{\"model_type\":\"llama\",\"num_attention_heads\":0,\"hidden_size\":8} | num_attention_heads=0: more than 0",
                "{\"model_type\":\"llama\"} | hidden_size=: a whole number is needed",
                "{\"model_type\":, | line 1:",
                "DEEP | nesting depth",
                "LONG | length",
                "'' | model_type=''"
            })
    void shouldNameTheFileAndWhatIsWrongInOneLine(String json, String problem) throws IOException {
        Path file = folder.resolve("config.json");
        Files.writeString(
                file,
                json.replace("DEEP", "[".repeat(5000)).replace("LONG", "{\"hidden_size\":" + "1".repeat(5000) + "}"));
        assertThatThrownBy(() -> LlamaConfig.read(folder))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.DATA))
                .hasMessageContainingAll(file + ":", problem)
                .hasMessageNotContaining("\n");
    }
}
