package tutti.worker.samples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/** An entry that was cut or changed is found out: when it is opened it is made again, a record that is read ends the run. */
class DamagedEntryTest {
    @TempDir
    Path folder;

    private Path cache;
    private SampleSource source;
    private Path entry;
    private List<List<String>> samples;

    @BeforeEach
    void makeOne() throws IOException {
        cache = folder.resolve("cache");
        source = TokenData.source(TokenData.write(folder.resolve("a.jsonl"), 200, 9));
        samples = open("are kept in");
        entry = TokenData.entry(cache);
    }

    private List<List<String>> open(String word) {
        LoadedSamples loaded = TokenData.inFile(source, cache);
        assertThat(loaded.notes()).last().asString().contains(word);
        try (Samples opened = loaded.samples()) {
            return TokenData.all(opened);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"facts.json", "index.bin", "tokens.bin"})
    void shouldMakeAgainWhatWasCut(String name) throws IOException {
        Path file = entry.resolve(name);
        byte[] whole = Files.readAllBytes(file);
        Files.write(file, java.util.Arrays.copyOf(whole, whole.length - 1));
        assertThat(open("what was there is replaced: " + name)).isEqualTo(samples);
        assertThat(Files.readAllBytes(file)).isEqualTo(whole);
        assertThat(open("come from")).isEqualTo(samples);
    }

    @ParameterizedTest
    @ValueSource(strings = {"facts.json", "index.bin", "tokens.bin"})
    void shouldMakeAgainWhatIsMissing(String name) throws IOException {
        Files.delete(entry.resolve(name));
        assertThat(open("what was there is replaced: ")).isEqualTo(samples);
    }

    @ParameterizedTest
    @ValueSource(strings = {"facts.json", "index.bin"})
    void shouldMakeAgainWhateverBitFlipped(String name) throws IOException {
        long length = Files.size(entry.resolve(name));
        for (long at : new long[] {0, length / 3, length / 2, length - 1}) {
            flip(entry.resolve(name), at);
            assertThat(open("what was there is replaced: " + name)).isEqualTo(samples);
        }
    }

    @Test
    void shouldEndTheRunAtARecordThatFlipped() throws IOException {
        flip(entry.resolve("tokens.bin"), 2);
        try (Samples opened = TokenData.inFile(source, cache).samples()) {
            refused(opened, 0, "tokens.bin: sample 0 is not as it was written");
            assertThat(opened.get(1).inputIds()).isNotEmpty();
        }
    }

    @Test
    void shouldEndTheRunAtAnIndexThatFlipsUnderIt() throws IOException {
        try (Samples opened = TokenData.inFile(source, cache).samples()) {
            for (long byteOfLine : new long[] {0, 7, 8, 11, 12}) {
                flip(entry.resolve("index.bin"), IndexEntry.BYTES + byteOfLine);
                refused(opened, 1, "sample 1 is not as it was written");
                flip(entry.resolve("index.bin"), IndexEntry.BYTES + byteOfLine);
                assertThat(opened.get(1).inputIds()).isNotEmpty();
            }
        }
    }

    private void refused(Samples opened, int number, String what) {
        assertThatThrownBy(() -> opened.get(number))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.DATA))
                .hasMessageContainingAll(what, "delete " + entry);
    }

    private static void flip(Path file, long at) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[(int) at] ^= (byte) 0x80;
        Files.write(file, bytes);
    }
}
