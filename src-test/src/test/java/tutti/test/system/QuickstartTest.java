package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code tutti quickstart} as a newcomer runs it: two minutes on two idle cores. */
class QuickstartTest {
    private static final Duration DEADLINE = Duration.ofMinutes(20);

    @TempDir
    Path folder;

    @Test
    @Timeout(value = 22, unit = TimeUnit.MINUTES)
    void shouldLearnWhatTheModelDidNotKnow() throws Exception {
        Path out = folder.resolve("quickstart");
        String said;
        try (TuttiProcess run = TuttiProcess.start(folder, "quickstart", "--output_dir", out.toString())) {
            int code = run.exitCode(DEADLINE);
            assertThat(code).as(() -> "exit code; it said:%n" + run.text()).isZero();
            run.assertLeftNothing();
            said = run.text();
        }

        JsonNode result =
                new ObjectMapper().readTree(out.resolve("quickstart.json").toFile());
        assertThat(result.at("/before/exact_match").asDouble(1)).isLessThan(0.05);
        assertThat(result.at("/after/exact_match").asDouble(0)).isGreaterThan(0.8);
        assertThat(result.at("/after/loss").asDouble(99))
                .isLessThan(result.at("/before/loss").asDouble(0));
        assertThat(said)
                .containsPattern("(?m)^console: http://")
                .containsPattern("(?m)^  on \\d+ held-out samples +before +after$")
                .containsPattern("(?m)^  loss \\(nats a token\\) +\\d+\\.\\d{4} +\\d+\\.\\d{4}$")
                .containsPattern("(?m)^  perplexity +\\d+\\.\\d\\d +\\d+\\.\\d\\d$")
                .containsPattern("(?m)^  exact match +\\d+\\.\\d % +\\d+\\.\\d %$")
                .doesNotContain("learned less than it should");
        assertThat(said.lines().filter(line -> line.startsWith("  question: "))).hasSize(3);
        assertThat(said.lines().filter(line -> line.startsWith("  after:    "))).hasSize(3);
        assertThat(out.resolve("run/model.safetensors")).isNotEmptyFile();
        assertThat(out.resolve("run/.lock")).doesNotExist();
    }
}
