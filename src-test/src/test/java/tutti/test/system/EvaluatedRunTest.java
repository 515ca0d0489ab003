package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tutti.test.support.Shared;
import tutti.test.support.TrainSpec;

/** A run that is evaluated while it trains, learns too few samples by heart, and ends with the model that it had before. */
class EvaluatedRunTest {
    @TempDir
    Path folder;

    private Path data;
    private Path heldOut;

    @BeforeEach
    void writeData() throws IOException {
        List<String> all = Files.readAllLines(Shared.path("data/wikisql/train.jsonl"));
        data = Files.write(folder.resolve("train.jsonl"), all.subList(0, 8));
        List<String> valid = Files.readAllLines(Shared.path("data/wikisql/valid.jsonl"));
        heldOut = Files.write(folder.resolve("valid.jsonl"), valid.subList(0, 13));
    }

    @Test
    @Timeout(value = 15, unit = TimeUnit.MINUTES)
    void shouldEndWithTheBestCheckpointAlsoWhereAWorkerIsKilled() throws Exception {
        RunOutput undisturbed = new RunOutput(folder.resolve("undisturbed"));
        try (TuttiProcess run = TuttiProcess.run(folder, flags(undisturbed.folder()))) {
            run.succeed();
            assertThat(run.text()).contains("eval step 0: loss ", "the best model is that of step ");
            assertThat(run.text()).containsPattern("on 13 held-out samples +step 0 +step \\d+ \\(best\\) +step 48");
        }
        RunOutput disturbed = new RunOutput(folder.resolve("disturbed"));
        try (TuttiProcess run = TuttiProcess.run(folder, flags(disturbed.folder()))) {
            run.awaitLine("^eval step 8: ");
            run.signal(run.pidOf("worker", 1), "KILL");
            run.awaitLine("^eval step 24: ");
            run.signal(run.pidOf("coordinator", -1), "KILL");
            run.succeed();
        }
        assertThat(disturbed.events("worker_lost")).hasSize(1);
        assertThat(disturbed.events("coordinator_restarted")).hasSize(1);
        for (RunOutput output : List.of(undisturbed, disturbed)) {
            assertThat(losses(output).keySet()).as("each once").containsExactly(0L, 8L, 16L, 24L, 32L, 40L, 48L);
            // A coordinator that dies with a database that does not answer leaves an event to be told again.
            assertThat(output.events("evaluated"))
                    .extracting(event -> event.get("step").asLong())
                    .containsOnly(0L, 8L, 16L, 24L, 32L, 40L, 48L);
            JsonNode best = output.event("best_model_chosen");
            assertThat(best.get("step").asLong()).isBetween(8L, 40L).isEqualTo(least(losses(output)));
            assertThat(Files.mismatch(
                            output.folder().resolve("model.safetensors"),
                            Path.of(best.get("checkpoint").asText()).resolve("model.safetensors")))
                    .as("first byte in which the final model is not that of the best checkpoint")
                    .isEqualTo(-1);
            assertThat(output.jsonLines("samples.jsonl"))
                    .extracting(line -> line.get("prompt").asText())
                    .containsOnly("table: t\ncolumns: a, b\nQ: How many a?\nA:");
        }
        assertThat(losses(disturbed)).isEqualTo(losses(undisturbed));
        assertThat(disturbed.hash(2)).isEqualTo(undisturbed.hash(2));
    }

    private static long least(Map<Long, Double> losses) {
        return losses.entrySet().stream()
                .min(Map.Entry.comparingByValue())
                .orElseThrow()
                .getKey();
    }

    /** By step, of {@code metrics.jsonl}. */
    private static Map<Long, Double> losses(RunOutput output) {
        Map<Long, Double> losses = new TreeMap<>();
        for (JsonNode line : output.metrics()) {
            if (line.has("eval_loss")) {
                assertThat(losses.put(
                                line.get("step").asLong(), line.get("eval_loss").asDouble()))
                        .as("%s once; events: %s", line, output.events("evaluated"))
                        .isNull();
            }
        }
        return losses;
    }

    private Map<String, String> flags(Path output) {
        Map<String, String> flags = new LinkedHashMap<>();
        flags.put("nproc_per_node", "2");
        flags.put("model_name_or_path", TrainSpec.model().toString());
        flags.put("data_path", data.toString());
        flags.put("answer_after", "A: ");
        flags.put("output_dir", output.toString());
        flags.put("model_max_length", "256");
        flags.put("per_device_train_batch_size", "4");
        flags.put("learning_rate", "3e-3");
        flags.put("lr_scheduler_type", "constant");
        flags.put("max_steps", "48");
        flags.put("eval_data_path", heldOut.toString());
        flags.put("eval_on_start", "True");
        flags.put("eval_strategy", "steps");
        flags.put("eval_steps", "8");
        flags.put("eval_metric", "exact_match");
        flags.put("eval_rule", "sql");
        flags.put("eval_max_new_tokens", "16");
        flags.put("sample_prompts", "table: t\ncolumns: a, b\nQ: How many a?\nA:");
        flags.put("save_steps", "8");
        flags.put("save_total_limit", "1");
        flags.put("load_best_model_at_end", "True");
        flags.put("allreduce_timeout", "5");
        return flags;
    }
}
