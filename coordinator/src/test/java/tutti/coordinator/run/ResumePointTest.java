package tutti.coordinator.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.checkpoint.Checkpoints;
import tutti.common.checkpoint.CommitDir;
import tutti.common.config.OutputConfig;
import tutti.common.config.RunConfig;
import tutti.common.config.Settings;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.coordinator.ledger.Past;

class ResumePointTest {
    @TempDir
    Path output;

    private final ByteArrayOutputStream said = new ByteArrayOutputStream();

    @Test
    void shouldStartAnewUnlessAskedOrWhereNothingIsWhole() {
        assertThat(find("")).isEmpty();
        assertThat(find("False")).isEmpty();
        assertThat(find("True")).isEmpty();
        assertThat(text()).contains("no whole checkpoint in " + output);
    }

    @Test
    void shouldTakeTheNewestWholeOneAndSayInALineWhatIsWrongWithEachNewerOne() throws IOException {
        commit(4);
        commit(8);
        commit(12);
        Files.writeString(output.resolve("checkpoint-8/weights"), "bent");
        Files.delete(output.resolve("checkpoint-12/weights"));

        assertThat(find("True")).isEqualTo(output.resolve("checkpoint-4").toString());
        assertThat(text().lines())
                .satisfiesExactly(
                        line -> assertThat(line)
                                .startsWith("passed over " + output.resolve("checkpoint-12") + ": ")
                                .endsWith("weights: missing; written were 4 bytes"),
                        line -> assertThat(line)
                                .startsWith("passed over " + output.resolve("checkpoint-8") + ": ")
                                .contains("weights: SHA-256 is ", ", written was "));
    }

    @Test
    void shouldTakeAWholeOneByItsPathEvenUnderAnotherName() throws IOException {
        commit(4);
        Path best = Files.move(output.resolve("checkpoint-4"), output.resolve("best"));
        assertThat(find(best.toString())).isEqualTo(best.toString());
    }

    @Test
    void shouldRefuseATornOneByItsPathAndNameTheNewestWholeOne() throws IOException {
        commit(4);
        commit(8);
        Path torn = output.resolve("checkpoint-8");
        Files.writeString(torn.resolve("weights"), "to");
        assertThatThrownBy(() -> find(torn.toString()))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.DATA))
                .hasMessageContaining("weights: has 2 bytes, written were 4")
                .hasMessageEndingWith("the newest whole one beside it is " + output.resolve("checkpoint-4"));
    }

    @Test
    void shouldGoOnBehindTheLastCommitThatIsWhole() throws IOException {
        commit(4);
        commit(8);
        Files.writeString(output.resolve("checkpoint-8/weights"), "bent");
        assertThat(lastCommit(12, 8, 4))
                .as("checkpoint-12 was deleted, checkpoint-8 is torn")
                .isEqualTo(output.resolve("checkpoint-4").toString());
        assertThat(lastCommit(12, 8)).isEqualTo("/before");
    }

    /** A folder that is a link to itself stands for a disk that does not answer. */
    @Test
    void shouldNotGoOnBehindAnOlderCommitWhereTheLastCannotBeRead() throws IOException {
        commit(4);
        Path unread = output.resolve("checkpoint-8");
        Files.createSymbolicLink(unread, unread);
        assertThatThrownBy(() -> lastCommit(12, 8, 4))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.ENVIRONMENT))
                .hasMessageStartingWith(unread + " was committed last, but cannot be read: ")
                .hasMessageContaining("look at the disk");
    }

    /** @param steps whose checkpoints were committed, the newest first */
    private String lastCommit(long... steps) {
        List<Path> commits = LongStream.of(steps)
                .mapToObj(step -> output.resolve(Checkpoints.name(step)))
                .toList();
        return ResumePoint.lastCommit(new Past("/before", commits, 1, 1, List.of(), 0, 0, 0, 0, List.of()));
    }

    private String find(String resume) {
        OutputConfig config = RunConfig.read(Settings.of(
                        Map.of(
                                "model_name_or_path",
                                "m",
                                "data_path",
                                "d",
                                "output_dir",
                                output.toString(),
                                "resume_from_checkpoint",
                                resume),
                        null))
                .output();
        PrintStream out = new PrintStream(said, true, StandardCharsets.UTF_8);
        return ResumePoint.find(config, new Terminal(out, false, 80, System::nanoTime));
    }

    private String text() {
        return said.toString(StandardCharsets.UTF_8);
    }

    private void commit(long step) throws IOException {
        try (CommitDir dir = CommitDir.begin(output, Checkpoints.name(step))) {
            Files.writeString(dir.path().resolve("weights"), "held");
            dir.commit(step, Map.of());
        }
    }
}
