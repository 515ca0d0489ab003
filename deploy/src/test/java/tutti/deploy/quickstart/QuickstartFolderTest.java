package tutti.deploy.quickstart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.error.TuttiException;

class QuickstartFolderTest {
    @TempDir
    private Path root;

    @Test
    void shouldEmptyWhatAnEarlierOneWroteAndNothingElse() throws IOException {
        QuickstartFolder folder = new QuickstartFolder(root);
        folder.prepare();
        Path old = Files.createDirectories(folder.run().resolve("logs")).resolve("rank-0.log");
        Files.writeString(old, "old");
        Path notes = Files.writeString(root.resolve("notes.txt"), "mine");
        folder.prepare();
        assertThat(folder.run()).doesNotExist();
        assertThat(folder.model()).isEmptyDirectory();
        assertThat(notes).hasContent("mine");
    }

    @Test
    void shouldRefuseAFolderOfSomebodyElse() throws IOException {
        Path data = Files.createDirectories(root.resolve("data")).resolve("train.json");
        Files.writeString(data, "mine");
        assertThatThrownBy(() -> new QuickstartFolder(root).prepare())
                .isInstanceOf(TuttiException.class)
                .hasMessageContaining("not empty, and no quickstart.json");
        assertThat(data).hasContent("mine");
    }
}
