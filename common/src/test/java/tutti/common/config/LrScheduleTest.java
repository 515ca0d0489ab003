package tutti.common.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.common.config.LrSchedule.Shape;

class LrScheduleTest {
    @TempDir
    Path folder;

    @Test
    void shouldTakeTransformersWordsAsJsonOrAsYaml() throws IOException {
        LrSchedule expected = new LrSchedule(Shape.COSINE_WITH_MIN_LR, Map.of("min_lr_rate", 0.1, "num_cycles", 1.0));
        assertThat(read("cosine_with_min_lr", "{\"min_lr_rate\": 0.1, \"num_cycles\": 1}", null))
                .isEqualTo(expected);
        Path yaml = Files.writeString(folder.resolve("run.yaml"), """
                lr_scheduler_kwargs:
                  min_lr_rate: 0.1
                  num_cycles: 1
                """);
        assertThat(read("cosine_with_min_lr", null, yaml)).isEqualTo(expected);
        assertThat(read("linear", null, null)).isEqualTo(LrSchedule.of(Shape.LINEAR));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "linear | {\"power\": 2} | power: --lr_scheduler_type linear takes none",
                "polynomial | {\"num_cycles\": 2} | num_cycles: --lr_scheduler_type polynomial takes lr_end, power",
                "polynomial | {\"lr_end\": 1} | lr_end=1.0: below --learning_rate",
                "cosine | {\"num_cycles\": \"two\"} | num_cycles=\"two\": not a number",
                "cosine | {\"num_cycles\": -1} | num_cycles=-1.0: not below 0",
                "cosine | [1] | no JSON object",
                "cosine | {num_cycles: 2 | no JSON object; put it in single quotes",
                "cosine_with_min_lr | {} | one of min_lr and min_lr_rate is needed",
                "cosine_with_min_lr | {\"min_lr\": 0, \"min_lr_rate\": 0} | one of min_lr and min_lr_rate is needed",
                "warmup_stable_decay | {} | num_decay_steps is needed",
                "inverse_sqrt | {\"timescale\": 0} | timescale=0.0: more than 0",
                "reduce_lr_on_plateau | {} | not one of linear, cosine",
            })
    void shouldRefuseWhatTheShapeDoesNotTake(String type, String kwargs, String message) {
        assertThatThrownBy(() -> read(type, kwargs, null)).hasMessageContaining(message);
    }

    private static LrSchedule read(String type, String kwargs, Path file) {
        Map<String, String> flags = new HashMap<>();
        flags.put("model_name_or_path", "m");
        flags.put("data_path", "d");
        flags.put("output_dir", "o");
        flags.put("lr_scheduler_type", type);
        if (kwargs != null) {
            flags.put("lr_scheduler_kwargs", kwargs);
        }
        return RunConfig.read(Settings.of(flags, file)).optim().schedule();
    }
}
