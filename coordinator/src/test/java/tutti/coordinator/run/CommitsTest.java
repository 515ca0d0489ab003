package tutti.coordinator.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.config.OutputConfig;
import tutti.common.config.OutputConfig.SaveStrategy;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

class CommitsTest {
    @TempDir
    Path output;

    /** Folders that became links to themselves stand for a disk that does not answer. */
    @Test
    void shouldRemoveAllThatIsNotCommittedAndNameTheFirstThatCannotBe() throws IOException {
        Commits commits = new Commits(
                new OutputConfig(output, false, SaveStrategy.STEPS, 1, 0, 0, true, "", 1), Commits.ownThread());
        for (long step = 1; step <= 4; step++) {
            commits.open(step);
        }
        Path first = unreadable(1);
        Path third = unreadable(3);
        assertThatThrownBy(commits::close)
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.ENVIRONMENT))
                .hasMessageStartingWith(first + ": cannot be removed: ")
                .satisfies(e -> assertThat(e.getSuppressed())
                        .extracting(Throwable::getMessage)
                        .singleElement()
                        .asString()
                        .startsWith(third + ": cannot be removed: "));
        try (var left = Files.list(output)) {
            assertThat(left).containsExactlyInAnyOrder(first, third);
        }
    }

    private Path unreadable(long step) throws IOException {
        Path partial = output.resolve(".checkpoint-%d.partial".formatted(step));
        Files.delete(partial);
        return Files.createSymbolicLink(partial, partial);
    }
}
