package tutti.worker.samples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/** Samples in memory and in a file, side by side; what an entry of the cache is, and when there is one. */
class LoadedSamplesTest {
    @TempDir
    Path folder;

    @Test
    void shouldGiveTheSameFromMemoryFromANewFileAndFromAKnownOne() throws IOException {
        Path cache = folder.resolve("cache");
        SampleSource source = TokenData.source(
                TokenData.write(folder.resolve("a.jsonl"), 700, 1), TokenData.write(folder.resolve("b.jsonl"), 300, 2));
        LoadedSamples memory = TokenData.inMemory(source);
        assertThat(memory.summary().report().dropped())
                .as("the data try dropping")
                .isPositive();
        assertThat(memory.summary().report().truncated()).as("and cutting").isPositive();
        assertThat(memory.summary().kept().stream().mapToInt(Integer::intValue).sum())
                .isEqualTo(memory.samples().count());
        assertThat(cache).as("small data write nothing").doesNotExist();

        List<String> words = new ArrayList<>();
        for (String word : List.of("are kept in", "come from")) {
            LoadedSamples file = TokenData.inFile(source, cache);
            try (Samples samples = file.samples()) {
                assertThat(samples).isInstanceOf(FileSamples.class);
                assertThat(TokenData.all(samples)).isEqualTo(TokenData.all(memory.samples()));
                assertThat(IntStream.range(0, samples.count()).map(samples::length))
                        .isEqualTo(IntStream.range(0, samples.count())
                                .map(memory.samples()::length)
                                .boxed()
                                .toList());
            }
            assertThat(file.summary()).isEqualTo(memory.summary());
            assertThat(file.template()).isEqualTo(memory.template());
            int last = file.notes().size() - 1;
            assertThat(file.notes().subList(0, last)).isEqualTo(memory.notes());
            assertThat(file.notes().get(last)).contains("data: tokens " + word + " " + TokenData.entry(cache), "1 MiB");
            words.add(word);
        }
        assertThat(words).hasSize(2);
    }

    @Test
    void shouldNotDependOnTheNumberOfThreads() throws IOException {
        SampleSource two = TokenData.source(TokenData.write(folder.resolve("a.jsonl"), 500, 3));
        SampleSource five = new SampleSource(
                two.paths(), two.data(), two.encoding(), two.folder(), two.maxLength(), two.vocabulary(), 5);
        assertThat(TokenData.inMemory(five).summary())
                .isEqualTo(TokenData.inMemory(two).summary());
    }

    @Test
    void shouldBePrivateAndLeaveNothingElse() throws IOException {
        Path cache = folder.resolve("cache");
        SampleSource source = TokenData.source(TokenData.write(folder.resolve("a.jsonl"), 10, 4));
        TokenData.inFile(source, cache).samples().close();
        Set<String> found = new TreeSet<>();
        Path entry = TokenData.entry(cache);
        try (Stream<Path> all = Files.walk(cache)) {
            for (Path one : all.toList()) {
                String rights = PosixFilePermissions.toString(Files.getPosixFilePermissions(one));
                String name = cache.relativize(one).toString();
                found.add(rights + " " + name.replace(entry.getFileName().toString(), "ENTRY"));
            }
        }
        // The digest of a file that was written in these two seconds is not remembered.
        assertThat(found)
                .containsExactly(
                        "rw------- ENTRY/facts.json",
                        "rw------- ENTRY/index.bin",
                        "rw------- ENTRY/tokens.bin",
                        "rwx------ ",
                        "rwx------ ENTRY",
                        "rwx------ digests");
    }

    @Test
    void shouldNameTheFilesWhereTheyLieNow() throws IOException {
        Path cache = folder.resolve("cache");
        Path first = Files.createDirectory(folder.resolve("first"));
        TokenData.inFile(TokenData.source(TokenData.write(first.resolve("a.jsonl"), 50, 5)), cache)
                .samples()
                .close();
        SampleSource moved =
                TokenData.source(Files.move(first, folder.resolve("second")).resolve("a.jsonl"));

        LoadedSamples file = TokenData.inFile(moved, cache);
        file.samples().close();
        assertThat(file.notes().get(1)).contains("come from");
        LoadedSamples memory = TokenData.inMemory(moved);
        assertThat(file.summary()).isEqualTo(memory.summary());
        assertThat(file.summary().report().droppedNames()).isNotEmpty().allMatch(name -> name.contains("second"));
        assertThat(file.notes().get(0)).isEqualTo(memory.notes().get(0)).contains("second");
    }

    @Test
    void shouldLeaveNothingOfDataThatCannotBeTrainedOn() throws IOException {
        Path cache = folder.resolve("cache");
        Path data = TokenData.write(folder.resolve("a.jsonl"), 50, 6);
        Files.writeString(data, Files.readString(data) + "{\"input_ids\":[1,2,600],\"labels\":[1,2,600]}\n");
        SampleSource source = TokenData.source(data);
        assertThatThrownBy(() -> TokenData.inFile(source, cache))
                .hasMessageContaining("a.jsonl:51: input_ids[2] is 600");
        assertThatThrownBy(() -> TokenData.inMemory(source)).hasMessageContaining("a.jsonl:51: input_ids[2] is 600");
        assertThat(cache).isDirectoryNotContaining(path -> !path.endsWith("digests"));
    }

    @Test
    void shouldRefuseDataThatChangeWhileTheyAreTokenised() throws IOException {
        Path data = TokenData.write(folder.resolve("a.jsonl"), 50, 7);
        SampleSource source = TokenData.source(data);
        TokenCache cache = new TokenCache(folder.resolve("cache"));
        assertThatThrownBy(() -> LoadedSamples.load(source, cache, 0, doing -> append(data, doing)))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.DATA))
                .hasMessageContaining("a.jsonl: was changed while it was read");
        assertThat(cache.folder()).isDirectoryNotContaining(path -> !path.endsWith("digests"));
    }

    private static void append(Path data, String doing) {
        try {
            if (doing.startsWith("tokenising")) {
                Files.writeString(data, "\n", java.nio.file.StandardOpenOption.APPEND);
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void shouldSayWhatToDoWhereTheCacheCannotBeWritten() throws IOException {
        Path file = Files.writeString(folder.resolve("file"), "no folder");
        SampleSource source = TokenData.source(TokenData.write(folder.resolve("a.jsonl"), 10, 8));
        assertThatThrownBy(() -> TokenData.inFile(source, file.resolve("cache")))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.ENVIRONMENT))
                .hasMessageContainingAll(file + "/cache: cannot be used", "--cache_dir");
    }
}
