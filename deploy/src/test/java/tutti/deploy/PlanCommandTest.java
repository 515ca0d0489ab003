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
import tutti.worker.allreduce.SymmetricMemory;

class PlanCommandTest {
    @TempDir
    Path folder;

    private Path config;
    private long available = 64L << 30;
    private String error = "";

    @BeforeEach
    void writeConfig() throws IOException {
        config = Files.writeString(folder.resolve("config.json"), """
                {"model_type": "llama", "hidden_size": 288, "intermediate_size": 768, "num_hidden_layers": 6,
                 "num_attention_heads": 6, "vocab_size": 32000, "max_position_embeddings": 1024,
                 "tie_word_embeddings": true}
                """);
    }

    @Test
    void shouldPrintATableForAFolderWithoutWeights() {
        String table = plan(0, "--bf16", "--gradient_checkpointing");
        assertThat(table)
                .contains("1 workers a node, batch 8, 512 tokens, bf16, gradient checkpointing full")
                .containsPattern("master weights +58.0 MiB")
                .containsPattern("parameters \\(compute copy\\) +29.0 MiB")
                .containsPattern("optimizer state +115.9 MiB")
                .containsPattern("communication buffers +0.0 MiB")
                .containsPattern("checkpoint slice +1.0 MiB")
                .containsPattern("\\n  none +[\\d,.]+ MiB\\n  selective +[\\d,.]+ MiB\\n")
                .contains("\nfits: with");
    }

    @Test
    void shouldTakeAConfigFileAndSayWhatWouldFit() {
        available = 1200L << 20;
        assertThat(plan(0, "--model_name_or_path", config.toString(), "--per_device_train_batch_size", "32"))
                .contains("\nDOES NOT FIT: with", "it would fit with --per_device_train_batch_size");
    }

    @Test
    void shouldPrintOneJsonObject() throws IOException {
        JsonNode json = new ObjectMapper()
                .readTree(plan(
                        0,
                        "--json",
                        "--nproc_per_node=2",
                        "--per_device_train_batch_size=4",
                        "--model-max-length=256",
                        "--bf16=True",
                        "--activation_memory_gb=0.05"));
        assertThat(json.get("gradient_checkpointing").asText()).isEqualTo("budget");
        assertThat(json.get("blocks")).hasSize(6);
        assertThat(json.get("activations_bytes").asLong()).isBetween(40L << 20, (long) (0.05 * (1L << 30)));
        long sum = 0;
        for (String use : List.of(
                "parameters",
                "master_weights",
                "gradients",
                "optimizer",
                "activations",
                "workspace",
                "library",
                "batch",
                "rope",
                "communication",
                "checkpoint")) {
            sum += json.get(use + "_bytes").asLong();
        }
        assertThat(json.get("planned_peak_bytes").asLong()).isEqualTo(sum);
        long logs = 2 * (3 * (64L << 10) + 4096);
        long segments = 2 * (4096 + 2 * (16L << 10) + 3 * 4 * (128L << 10));
        long gradients = json.get("gradients_bytes").asLong();
        long room = Files.getFileStore(Path.of("/dev/shm")).getTotalSpace();
        long reached = SymmetricMemory.fits(gradients, 2, room) ? gradients / 2 : 0;
        assertThat(json.get("node_bytes").asLong())
                .as("two workers map the same logs, the same segments of sums and half of each other's gradients")
                .isEqualTo(2 * sum - logs - segments - 2 * reached);
        assertThat(json.get("other_policies_planned_peak_bytes")).hasSize(3);
        assertThat(json.get("fits").asBoolean()).isTrue();
    }

    @Test
    void shouldRefuseABudgetThatIsTooSmallWithTheNumberThatWouldDo() {
        plan(Category.USER.exitCode(), "--activation_memory_gb", "0.001");
        assertThat(error).matches("(?s)tutti: error: --activation_memory_gb=0.0010: .* need 0\\.\\d{4} at the least.*");
    }

    @ParameterizedTest
    @CsvSource({"--json, true", "--json True, true", "--json False, false"})
    void shouldTakeJsonAsASwitch(String words, boolean json) {
        assertThat(plan(0, words.split(" ")).startsWith("{")).isEqualTo(json);
    }

    @Test
    void shouldAnswerFlagsWithoutEffectBesideTheOutput() {
        assertThat(plan(0, "--json", "--tf32", "True")).startsWith("{").hasLineCount(1);
        assertThat(error).startsWith("tutti: note: --tf32 True: no effect").hasLineCount(1);
    }

    private String plan(int code, String... flags) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        PrintStream errors = new PrintStream(err, true, StandardCharsets.UTF_8);
        PlanCommand command =
                new PlanCommand(new PrintStream(out, true, StandardCharsets.UTF_8), errors, () -> available);
        List<String> words = new ArrayList<>(List.of("plan", "--model_name_or_path", folder.toString()));
        words.addAll(List.of(flags));
        assertThat(Tutti.execute(Tutti.commandLine(RunFlags.plan(command)), errors, words.toArray(String[]::new)))
                .as(() -> err.toString(StandardCharsets.UTF_8))
                .isEqualTo(code);
        error = err.toString(StandardCharsets.UTF_8);
        return out.toString(StandardCharsets.UTF_8);
    }
}
