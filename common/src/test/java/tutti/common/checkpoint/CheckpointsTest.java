package tutti.common.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.error.TuttiException;

class CheckpointsTest {
    @TempDir
    Path output;

    @Test
    void shouldShowACheckpointOnlyAfterItsCommit() throws IOException {
        try (CommitDir dir = CommitDir.begin(output, Checkpoints.name(12))) {
            Files.writeString(dir.path().resolve("config.json"), "{}");
            assertThat(Checkpoints.list(output)).isEmpty();
            assertThat(dir.path()).hasFileName(".checkpoint-12.partial");
            Path committed = dir.commit(12, Map.of());
            assertThat(committed).isEqualTo(output.resolve("checkpoint-12"));
        }
        assertThat(Checkpoints.newest(output).checkpoint())
                .contains(new Checkpoints.Found(12, output.resolve("checkpoint-12")));
        assertThat(Manifest.read(output.resolve("checkpoint-12")).step()).isEqualTo(12);
        assertThat(output.resolve(".checkpoint-12.partial")).doesNotExist();
    }

    @Test
    void shouldLeaveNothingWithoutACommitAndForgetAStalePartial() throws IOException {
        Path stale = Files.createDirectories(output.resolve(".checkpoint-3.partial/sub"));
        Files.writeString(stale.resolve("old"), "x");
        try (CommitDir dir = CommitDir.begin(output, "checkpoint-3")) {
            assertThat(dir.path()).isEmptyDirectory();
        }
        assertThat(output).isEmptyDirectory();
    }

    @Test
    void shouldReplaceACheckpointOfTheSameStep() throws IOException {
        commit(5, "first");
        commit(5, "second");
        assertThat(output.resolve("checkpoint-5/weights")).hasContent("second");
        assertThat(output.resolve(".checkpoint-5.old")).doesNotExist();
    }

    @Test
    void shouldPassOverTornAndFlippedAndUncommittedOnesAndSayWhy() throws IOException {
        commit(1, "whole");
        commit(2, "flipped");
        commit(10, "torn");
        commit(11, "gone");
        Files.writeString(output.resolve("checkpoint-2/weights"), "flipqed");
        Files.writeString(output.resolve("checkpoint-10/weights"), "to");
        Files.delete(output.resolve("checkpoint-11/weights"));
        Files.createDirectories(output.resolve("checkpoint-12"));
        Files.createDirectories(output.resolve("checkpoint-13"));
        Files.writeString(output.resolve("checkpoint-13/MANIFEST.json"), "{\"format_version\":1,\"st");

        Checkpoints.Newest newest = Checkpoints.newest(output);

        assertThat(newest.checkpoint().orElseThrow().step()).isEqualTo(1);
        assertThat(newest.skipped())
                .hasSize(5)
                .allMatch(skipped -> skipped.problems().size() == 1);
        assertThat(newest.skipped().stream().map(skipped -> skipped.problems().get(0)))
                .satisfiesExactly(
                        problem -> assertThat(problem).contains("MANIFEST.json: damaged"),
                        problem -> assertThat(problem).contains("never committed"),
                        problem -> assertThat(problem).isEqualTo("weights: missing"),
                        problem -> assertThat(problem).contains("has 2 bytes, written were 4"),
                        problem -> assertThat(problem).contains("SHA-256 differs"));
    }

    @Test
    void shouldRefuseAManifestOfAnotherFormatAndOneThatPointsOutside() throws IOException {
        commit(1, "x");
        Path folder = output.resolve("checkpoint-1");
        new Manifest(2, 1, List.of()).write(folder);
        assertThatThrownBy(() -> Manifest.read(folder))
                .isInstanceOf(TuttiException.class)
                .hasMessageContaining("format_version 2, this Tutti reads 1");
        new Manifest(1, 1, List.of(new Manifest.Item("../secret", 1, "00"))).write(folder);
        assertThat(Manifest.verify(folder).problems()).containsExactly("../secret: lies outside the checkpoint");
        Files.writeString(folder.resolve(Manifest.FILE_NAME), "{\"step\":1,\"files\":[]}");
        assertThat(Manifest.verify(folder).ok()).isFalse();
    }

    @Test
    void shouldTrustTheDigestTakenWhileWriting() throws IOException {
        try (CommitDir dir = CommitDir.begin(output, "checkpoint-1")) {
            var entry = SafetensorsWriterTest.entry("a", StoredDType.U8, List.of(3L), ByteBuffer.allocate(3));
            FileDigest digest = SafetensorsWriter.write(dir.path().resolve("model.safetensors"), List.of(entry), false);
            Files.createDirectories(dir.path().resolve("optimizer"));
            Files.writeString(dir.path().resolve("optimizer/state"), "s");
            dir.commit(1, Map.of("model.safetensors", digest));
        }
        assertThat(Manifest.verify(output.resolve("checkpoint-1")).problems()).isEmpty();
        assertThat(Manifest.read(output.resolve("checkpoint-1")).files())
                .extracting(Manifest.Item::name)
                .containsExactly("model.safetensors", "optimizer/state");
    }

    @Test
    void shouldKeepTheNewestWholeOnesWhenPruning() throws IOException {
        for (int step : new int[] {1, 2, 9, 10}) {
            commit(step, "w" + step);
        }
        Files.delete(output.resolve("checkpoint-10/weights"));
        assertThat(Checkpoints.prune(output, 0)).isEmpty();
        assertThat(Checkpoints.prune(output, 2)).containsExactly(output.resolve("checkpoint-1"));
        assertThat(Checkpoints.prune(output, 1)).containsExactly(output.resolve("checkpoint-2"));
        assertThat(Checkpoints.newest(output).checkpoint().orElseThrow().step()).isEqualTo(9);
    }

    @Test
    void shouldSweepWhatACrashLeftAndPutBackWhatWasSetAside() throws IOException {
        commit(4, "four");
        Files.move(output.resolve("checkpoint-4"), output.resolve(".checkpoint-4.old"));
        Files.createDirectories(output.resolve(".checkpoint-5.partial"));
        Files.createDirectories(output.resolve(".checkpoint-1.trash"));
        Files.createDirectories(output.resolve(".mine.partial"));
        assertThat(Checkpoints.sweep(output)).hasSize(3);
        assertThat(Checkpoints.newest(output).checkpoint().orElseThrow().step()).isEqualTo(4);
        assertThat(output.resolve(".mine.partial")).exists();
        assertThat(output.resolve(".checkpoint-5.partial")).doesNotExist();
    }

    @Test
    void shouldFindNoneInAFolderThatIsNotThere() {
        assertThat(Checkpoints.newest(output.resolve("none")).checkpoint()).isEmpty();
    }

    private void commit(long step, String content) throws IOException {
        try (CommitDir dir = CommitDir.begin(output, Checkpoints.name(step))) {
            Files.writeString(dir.path().resolve("weights"), content);
            dir.commit(step, Map.of());
        }
    }
}
