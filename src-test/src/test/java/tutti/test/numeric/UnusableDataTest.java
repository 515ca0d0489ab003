package tutti.test.numeric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.common.config.DataConfig;
import tutti.common.config.EncodingConfig;
import tutti.common.config.EncodingConfig.OverLength;
import tutti.common.config.EncodingConfig.TrainOn;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.token.EncodeReport;
import tutti.test.support.TrainSpec;
import tutti.worker.samples.LoadedSamples;
import tutti.worker.samples.SampleSource;
import tutti.worker.samples.TokenCache;

/** Data that a worker refuses once it has read it, in one line that names file, line and rule; and data of which it warns. */
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

    /** Two samples of each file, of which the second has the fault. */
    @ParameterizedTest(name = "{2}")
    @CsvSource(
            delimiter = '|',
            value = {
                "'' | {\"input_ids\":[1,9,2],\"labels\":[1,9,2]}~{\"input_ids\":[1,1,9,2],\"labels\":[-100,-100,9,2]}"
                        + " | two beginning tokens",
                "'' | {\"input_ids\":[1,9,2],\"labels\":[1,9,2]}~{\"input_ids\":[1,9,2],\"labels\":[1,9,-100]}"
                        + " | an answer that does not learn to end",
                "'' | {\"input_ids\":[1,9,2],\"labels\":[1,9,2]}~{\"input_ids\":[1,9,2,2],\"labels\":[1,9,2,2]}"
                        + " | padding that is learned",
                "chatml | {\"input_ids\":[1,9,2],\"labels\":[1,9,2]}~{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
                        + "{\"role\":\"assistant\",\"content\":\"b\"}]}"
                        + " | the chat template writes a marker",
                "'' | {\"text\":\"Once\"}~{\"text\":\"<s>Once\"} | two beginning tokens",
            })
    void shouldBeWarnedOfWithTheNumberOfSamples(String template, String lines, String warning) throws Exception {
        String[] each = lines.split("~");
        Path first = Files.writeString(folder.resolve("good.jsonl"), each[0]);
        Path second = Files.writeString(folder.resolve("odd.jsonl"), each[1]);
        SampleSource source = SampleSource.of(
                new DataConfig(List.of(first, second)),
                new EncodingConfig(template, TrainOn.ASSISTANT, OverLength.TRUNCATE),
                TrainSpec.model(),
                512,
                512,
                1);
        EncodeReport report = LoadedSamples.load(source, new TokenCache(folder), Long.MAX_VALUE, doing -> {})
                .summary()
                .report();
        assertThat(report.warnings())
                .anySatisfy(line -> assertThat(line)
                        .startsWith("warning: 1 of 2 samples: " + warning)
                        .endsWith("; tutti data shows them"));
        assertThat(report.dropped()).isZero();
    }

    @Test
    void shouldBeCountedWhereItIsCutOrLeftOut() throws Exception {
        Path data = Files.writeString(folder.resolve("data.jsonl"), """
                {"input_ids":[1,9,9,9,9,2],"labels":[1,9,9,9,9,2]}
                {"input_ids":[1,9,2],"labels":[-100,-100,-100]}
                {"input_ids":[1,9,2],"labels":[-100,9,2]}
                """);
        for (OverLength overLength : List.of(OverLength.TRUNCATE, OverLength.DROP)) {
            SampleSource source = SampleSource.of(
                    new DataConfig(List.of(data)),
                    new EncodingConfig("", TrainOn.ASSISTANT, overLength),
                    TrainSpec.model(),
                    4,
                    512,
                    1);
            EncodeReport report = LoadedSamples.load(source, new TokenCache(folder), Long.MAX_VALUE, doing -> {})
                    .summary()
                    .report();
            boolean cut = overLength == OverLength.TRUNCATE;
            assertThat(report.summary())
                    .startsWith(
                            cut
                                    ? "2 samples, 7 tokens, 5 of them learned; 1 truncated, 1 dropped"
                                    : "1 samples, 3 tokens, 2 of them learned; 0 truncated, 2 dropped")
                    .contains(data + ":2");
        }
    }
}
