package tutti.deploy.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import tutti.common.dataset.Datasets;
import tutti.common.dataset.Example;
import tutti.common.dataset.Tokens;
import tutti.worker.model.LlamaConfig;

class BenchFolderTest {

    @Test
    void shouldHoldAModelAndFullSequencesOfRandomTokensUntilItIsClosed() {
        BenchShape shape = BenchShape.of("tiny", 16);
        Path data;
        try (BenchFolder folder = new BenchFolder()) {
            folder.write(shape, 3, 16, 1);
            data = folder.data();
            List<Example> samples = Datasets.load(List.of(data));
            assertThat(samples).hasSize(3).allSatisfy(sample -> {
                Tokens tokens = (Tokens) sample;
                assertThat(tokens.inputIds()).hasSize(16).isEqualTo(tokens.labels());
            });
            assertThat(LlamaConfig.read(folder.model())).isEqualTo(shape.config());
            assertThat(folder.ending()).isFalse();
            assertThat(folder.use(() -> 7)).isEqualTo(7);
        }
        assertThat(data.getParent()).doesNotExist();
    }

    @Test
    void shouldTellThePeakOfTheLargestWorkerFromTheLastEvent() throws IOException {
        try (BenchFolder folder = new BenchFolder()) {
            Path events = Files.createDirectories(folder.output()).resolve("events.jsonl");
            Files.writeString(events, """
                    {"event":"training_began"}
                    {"event":"run_finished","planned_peak_bytes":{"0":5,"1":7},"measured_peak_bytes":{"0":0,"1":0}}
                    """);
            assertThat(folder.peaks()).isEqualTo(new StepResult.Peaks(7L, null));
        }
    }
}
