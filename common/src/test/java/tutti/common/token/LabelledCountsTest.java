package tutti.common.token;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tutti.common.Shared;
import tutti.common.config.DataConfig;
import tutti.common.config.DataFormat;
import tutti.common.dataset.Datasets;

/** Ten samples of each format against counts that {@code make.py} beside them made without Tutti. */
class LabelledCountsTest {

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "AUTO")
    void shouldLearnAsManyTokensOfEachSampleAsWereCountedByHand(DataFormat format) throws Exception {
        Path folder = Path.of(LabelledCountsTest.class.getResource("labelled").toURI());
        String name =
                format.name().toLowerCase(Locale.ROOT) + (format == DataFormat.PROMPT_COMPLETION ? ".csv" : ".jsonl");
        JsonNode counts = new ObjectMapper()
                .readTree(folder.resolve("counts.json").toFile())
                .get(name);
        Datasets.Loaded loaded = Datasets.load(new DataConfig(List.of(folder.resolve(name))));
        assertThat(loaded.formats()).containsExactly(format);
        try (Tokenizer tokenizer = Tokenizer.open(Shared.file("models/stories260k"))) {
            ExampleEncoder encoder = new ExampleEncoder(Optional.of(tokenizer), 8192, 512);
            List<Integer> learned = loaded.examples().stream()
                    .map(sample -> encoder.encode(sample).labelledTokens())
                    .toList();
            assertThat(learned)
                    .hasSize(10)
                    .isEqualTo(IntStream.range(0, counts.size())
                            .mapToObj(sample -> counts.get(sample).asInt())
                            .toList());
        }
    }
}
