package tutti.coordinator.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

class LineFileTest {
    @TempDir
    Path folder;

    @Test
    void shouldHoldEveryLineOnceItIsAddedBehindThoseOfEarlierRuns() throws Exception {
        Path file = Files.writeString(folder.resolve("lines"), "before\n");
        try (LineFile lines = new LineFile(file)) {
            lines.add(line("one"));
            assertThat(file).hasContent("before\none");
            lines.add(line("two"));
        }
        assertThat(file).hasContent("before\none\ntwo");
    }

    /** A device that the kernel calls full. */
    @Test
    void shouldKeepLinesForAWhileOnAFullDiskAndSayInTheEndThatTheyAreLost() throws Exception {
        Path full = Files.createSymbolicLink(folder.resolve("lines"), Path.of("/dev/full"));
        LineFile lines = new LineFile(full);
        for (int i = 0; i < 1000; i++) {
            lines.add(line("waits"));
        }
        assertThatThrownBy(() -> lines.add(line("too many")))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.ENVIRONMENT))
                .hasMessageContaining("No space left");
        assertThatThrownBy(lines::close).hasMessageContaining("lines: cannot be written");
    }

    @Test
    void shouldNotContinueAHalfLineOfAProcessThatWasKilled() throws Exception {
        Path file = folder.resolve("lines");
        Files.writeString(file, "one\ntwo\nthr");
        try (LineFile lines = new LineFile(file)) {
            assertThat(lines.last(line -> true)).contains("two");
            lines.add(line("three"));
            assertThat(lines.last(line -> true)).contains("three");
        }
        assertThat(Files.readString(file)).isEqualTo("one\ntwo\nthree\n");
        Files.writeString(file, "half");
        try (LineFile lines = new LineFile(file)) {
            assertThat(lines.last(line -> true)).isEmpty();
        }
    }

    @Test
    void shouldNeverTakeTheEndOfALineForALine() throws Exception {
        String whole = "{" + "x".repeat(98) + "}\n";
        Path file = Files.writeString(folder.resolve("lines"), whole.repeat(LineFile.LONGEST / whole.length() + 2));
        try (LineFile lines = new LineFile(file)) {
            lines.last(line -> {
                assertThat(line).startsWith("{");
                return false;
            });
            assertThat(lines.last(line -> true)).contains(whole.strip());
        }
    }

    private static byte[] line(String text) {
        return (text + "\n").getBytes(StandardCharsets.UTF_8);
    }
}
