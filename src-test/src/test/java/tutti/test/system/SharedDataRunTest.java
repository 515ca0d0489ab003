package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.test.support.Shared;
import tutti.test.support.Soak;
import tutti.test.support.TrainSpec;

/** Files as people have them, each shown by {@code tutti data} and then trained on for an epoch by two workers. */
class SharedDataRunTest {
    private static final Pattern TRAINED_ON =
            Pattern.compile("([\\d,]+) samples, ([\\d,]+) of them trained on: .* learned");

    @TempDir
    Path folder;

    @BeforeEach
    void takesMinutes() {
        Soak.require();
    }

    @ParameterizedTest
    @CsvSource({
        "dummy_conversation.json, 500",
        "glaive_toolcall_en_demo.json, 300",
        "identity.json, 91",
        "dolly-sample.json, 12",
        "c4_demo.jsonl, 300",
        "gsm8k/train-2000.jsonl, '2,000'",
        "gsm8k/test-300.jsonl, 300",
        "wikisql/train.jsonl, '1,000'",
        "wikisql/valid.jsonl, 100",
        "text/tinystories_944k.txt, '5,758'",
        "text/wizard_of_oz_248k.txt, '4,286'",
    })
    void shouldShowAFileAndTrainOnAllOfIt(String name, String samples) throws Exception {
        shownAndTrained(name, samples, Map.of());
    }

    @Test
    void shouldShowAndTrainOnParquetByTheNamesOfItsFields() throws Exception {
        shownAndTrained(
                "spider/validation.parquet", "1,034", Map.of("prompt_field", "question", "completion_field", "query"));
    }

    private void shownAndTrained(String name, String samples, Map<String, String> fields) throws Exception {
        Map<String, String> flags = new LinkedHashMap<>(fields);
        flags.put("model_name_or_path", TrainSpec.model().toString());
        flags.put("data_path", Shared.path("data/" + name).toString());
        flags.put("model_max_length", "512");
        int kept;
        try (TuttiProcess shown = TuttiProcess.data(folder, flags)) {
            shown.succeed();
            Matcher counts = TRAINED_ON.matcher(shown.text());
            assertThat(counts.find()).as(shown.text()).isTrue();
            assertThat(counts.group(1)).isEqualTo(samples);
            // Of a few nothing is left to learn within 512 tokens.
            kept = Integer.parseInt(counts.group(2).replace(",", ""));
        }
        RunOutput output = new RunOutput(folder.resolve("out"));
        flags.put("output_dir", output.folder().toString());
        flags.put("nproc_per_node", "2");
        flags.put("per_device_train_batch_size", "4");
        flags.put("num_train_epochs", "1");
        flags.put("learning_rate", "1e-4");
        flags.put("save_strategy", "no");
        flags.put("logging_steps", "1");
        try (TuttiProcess run = TuttiProcess.run(folder, flags)) {
            run.succeed();
            run.assertLeftNothing();
        }
        List<Double> losses = output.metric("loss");
        int steps = (kept + 7) / 8;
        assertThat(losses).hasSize(steps).allMatch(Double::isFinite);
        Optional<Double> epoch = output.metric("epoch").stream().reduce((first, last) -> last);
        assertThat(epoch).contains(1.0);
        System.out.printf(
                "%s: %d steps, loss of the first %.3f, of the last %.3f%n",
                name, steps, losses.get(0), losses.get(steps - 1));
    }
}
