package tutti.deploy.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class PumpTest {
    /** More than is read at once. */
    private static final String LONG = "x".repeat(50_000);

    @Test
    void shouldHandOverWholeLinesHoweverLong() throws Exception {
        assertThat(lines(1 << 20, "a\n\n" + LONG + "\nlast")).containsExactly("a", "", LONG, "last");
    }

    @Test
    void shouldCutALineThatIsLongerThanAllowed() throws Exception {
        assertThat(lines(40_000, LONG + "\n")).containsExactly("x".repeat(40_000), "x".repeat(10_000));
    }

    private static List<String> lines(int most, String text) throws InterruptedException {
        List<String> lines = new ArrayList<>();
        Pump.lines(
                        "tutti-test-pump",
                        new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)),
                        most,
                        (bytes, length) -> lines.add(new String(bytes, 0, length, StandardCharsets.UTF_8)))
                .finish(10, TimeUnit.SECONDS);
        return lines;
    }
}
