package tutti.test.numeric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.test.support.TrainSpec;

/** Data that a worker refuses once it has read it: one line that names file, line and rule. */
class UnusableDataTest {
    @TempDir
    Path folder;

    @ParameterizedTest(name = "{0}")
    @CsvSource(
            delimiter = '|',
            value = {
                "vocabulary | {\"input_ids\":[1,2,600],\"labels\":[1,2,600]} | data.jsonl:1: input_ids[2] is 600 | 512 tokens",
                "malformed | {\"input_ids\":[1,2,3],\"labels\":[1,2,3]}~{\"input_ids\":[1,2, | data.jsonl:2: | malformed JSON",
                "nothing to learn | {\"input_ids\":[1,2],\"labels\":[-100,-100]} | none of 1 samples | data.jsonl:1",
                "no sample | [] | data.jsonl | at least one",
            })
    void shouldBeRefusedByFileLineAndRule(String what, String lines, String where, String rule) throws Exception {
        Path data = Files.writeString(folder.resolve("data.jsonl"), lines.replace('~', '\n'));
        Path output = folder.resolve("out");
        Map<String, String> flags = TrainSpec.flags(data, output, 1, 1);

        Throwable refusal = catchThrowable(() -> InProcessRun.of(flags, 1));

        assertThat(refusal).hasCauseInstanceOf(TuttiException.class);
        TuttiException cause = (TuttiException) refusal.getCause();
        assertThat(cause.category()).isEqualTo(Category.DATA);
        assertThat(cause).hasMessageContainingAll(where.strip(), rule.strip());
        assertThat(cause.getMessage()).hasLineCount(1);
        assertThat(output).doesNotExist();
    }
}
