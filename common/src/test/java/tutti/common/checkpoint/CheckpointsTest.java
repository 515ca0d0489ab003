package tutti.common.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
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
                        problem -> assertThat(problem).isEqualTo("weights: missing; written were 4 bytes"),
                        problem -> assertThat(problem).contains("has 2 bytes, written were 4"),
                        problem -> assertThat(problem)
                                .contains(
                                        "weights: SHA-256 is " + sha256("flipqed"),
                                        "written was " + sha256("flipped"),
                                        "bits have changed"));
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
            Path state = Files.writeString(dir.path().resolve("optimizer/state"), "s");
            assertThatThrownBy(() -> dir.commit(1, Map.of("model.safetensors", digest)))
                    .as("nobody says that he wrote it")
                    .hasMessageContaining("optimizer/state: written by nobody who takes part");
            dir.commit(1, Map.of("model.safetensors", digest, "optimizer/state", FileDigest.of(state)));
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
        Files.delete(output.resolve("checkpoint-9/weights"));
        assertThat(Checkpoints.prune(output, 10, 0, OptionalLong.empty())).isEmpty();
        assertThat(Checkpoints.prune(output, 10, 2, OptionalLong.empty()))
                .containsExactly(output.resolve("checkpoint-1"));
        assertThat(Checkpoints.prune(output, 10, 1, OptionalLong.empty()))
                .containsExactly(output.resolve("checkpoint-9"), output.resolve("checkpoint-2"));
        assertThat(Checkpoints.newest(output).checkpoint().orElseThrow().step()).isEqualTo(10);
    }

    @Test
    void shouldKeepTheBestBesideTheNewest() throws IOException {
        for (int step : new int[] {1, 2, 9, 10}) {
            commit(step, "w" + step);
        }
        assertThat(Checkpoints.prune(output, 10, 2, OptionalLong.of(2)))
                .containsExactly(output.resolve("checkpoint-1"));
        assertThat(Checkpoints.prune(output, 10, 1, OptionalLong.of(9)))
                .containsExactly(output.resolve("checkpoint-2"));
    }

    /** Its sizes are right, and a run that went on from an older one has just saved between the two. */
    @Test
    void shouldKeepTheOneJustCommittedBesideALaterOneWithAFlippedBit() throws IOException {
        commit(8, "whole");
        commit(12, "flipped");
        Files.writeString(output.resolve("checkpoint-12/weights"), "flipqed");
        commit(10, "newer");
        assertThat(Checkpoints.prune(output, 10, 1, OptionalLong.empty()))
                .containsExactly(output.resolve("checkpoint-8"));
        assertThat(Checkpoints.newest(output).checkpoint().orElseThrow().step()).isEqualTo(10);
    }

    /** Cut to every length and with every bit turned, each file of it, one after the other. */
    @Test
    void shouldNeverAcceptACheckpointWithAnyFileCutOrAnyBitFlipped() throws IOException {
        commit(1, "whole");
        try (CommitDir dir = CommitDir.begin(output, Checkpoints.name(2))) {
            Files.writeString(dir.path().resolve("weights"), "8 octets");
            Files.writeString(dir.path().resolve("trainer_state.json"), "{\"step\":2}");
            dir.commit(2, Map.of());
        }
        Path folder = output.resolve("checkpoint-2");
        Manifest whole = Manifest.read(folder);
        for (String name : List.of("weights", "trainer_state.json", Manifest.FILE_NAME)) {
            Path file = folder.resolve(name);
            byte[] written = Files.readAllBytes(file);
            for (int length = 0; length < written.length; length++) {
                Files.write(file, Arrays.copyOf(written, length));
                // What is cut from the manifest may be its last line feed alone.
                assertNotMistaken(name + " cut to " + length, whole);
            }
            for (int bit = 0; bit < 8 * written.length; bit++) {
                byte[] flipped = written.clone();
                flipped[bit / 8] ^= (byte) (1 << bit % 8);
                Files.write(file, flipped);
                assertNotMistaken(name + " bit " + bit, whole);
            }
            Files.delete(file);
            assertNotMistaken(name + " gone", whole);
            Files.write(file, written);
        }
        assertThat(Checkpoints.newest(output).checkpoint().orElseThrow().step()).isEqualTo(2);
    }

    /** The older one is taken; but where only the manifest's blanks have changed, it says what it said. */
    private void assertNotMistaken(String damage, Manifest whole) {
        Checkpoints.Newest newest = Checkpoints.newest(output);
        if (newest.checkpoint().orElseThrow().step() == 2) {
            assertThat(Manifest.read(output.resolve("checkpoint-2"))).as(damage).isEqualTo(whole);
            assertThat(damage).startsWith(Manifest.FILE_NAME);
        } else {
            assertThat(newest.checkpoint().orElseThrow().step()).as(damage).isEqualTo(1);
            assertThat(newest.skipped()).as(damage).hasSize(1);
        }
    }

    @Test
    void shouldPutBackTheOldOneWhenItsReplacementCannotTakeTheName() throws IOException {
        commit(5, "first");
        try (CommitDir dir = CommitDir.begin(output, "checkpoint-5")) {
            Path weights = Files.writeString(dir.path().resolve("weights"), "second");
            Manifest.of(dir.path(), 5, Map.of()).write(dir.path());
            CommitDir.deleteTree(dir.path());
            assertThat(weights).doesNotExist();
            assertThatThrownBy(dir::commit).isInstanceOf(TuttiException.class).hasMessageContaining("checkpoint-5");
        }
        assertThat(output.resolve("checkpoint-5/weights")).hasContent("first");
    }

    private static String sha256(String content) {
        return FileDigest.of(content.getBytes(StandardCharsets.UTF_8)).sha256();
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
