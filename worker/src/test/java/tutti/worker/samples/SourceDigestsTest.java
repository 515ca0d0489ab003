package tutti.worker.samples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.checkpoint.FileDigest;
import tutti.worker.samples.SourceDigests.Stamp;

/** What is known of a file is not read again, and what is trusted for it. */
class SourceDigestsTest {
    private static final Instant WRITTEN = Instant.parse("2026-01-02T03:04:05.123456789Z");

    @TempDir
    Path folder;

    private Path file;
    private final List<String> read = new ArrayList<>();
    private Instant now = WRITTEN.plusSeconds(60);

    @BeforeEach
    void write() throws IOException {
        file = folder.resolve("a.jsonl");
        write("one");
    }

    private void write(String text) throws IOException {
        Files.writeString(file, text);
        Files.setLastModifiedTime(file, FileTime.from(WRITTEN));
    }

    private FileDigest digest() throws IOException {
        TokenCache cache = new TokenCache(folder.resolve("cache"), Duration.ofSeconds(1), System::nanoTime, () -> now);
        PrivateFiles.folder(cache.folder());
        read.clear();
        return new SourceDigests(cache).of(file, Stamp.of(file), read::add);
    }

    @Test
    void shouldReadAFileOnce() throws IOException {
        assertThat(digest()).isEqualTo(FileDigest.of(file));
        assertThat(read).isNotEmpty().allMatch(doing -> doing.contains("hashing " + file));
        assertThat(digest()).isEqualTo(FileDigest.of(file));
        assertThat(read).isEmpty();
    }

    /** The one thing that is trusted, as in git's index. */
    @Test
    void shouldBelieveAFileOfTheSameSizeTimeAndInode() throws IOException {
        FileDigest one = digest();
        write("two");
        assertThat(digest()).isEqualTo(one);
    }

    @Test
    void shouldReadAgainWhatChangedInSizeTimeOrInode() throws IOException {
        digest();
        write("three");
        assertThat(digest()).isEqualTo(FileDigest.of(file));
        assertThat(read).isNotEmpty();

        Files.writeString(file, "fours");
        Files.setLastModifiedTime(file, FileTime.from(WRITTEN.plusNanos(1000)));
        assertThat(digest()).isEqualTo(FileDigest.of(file));
        assertThat(read).isNotEmpty();

        Path other = Files.writeString(folder.resolve("other"), "fives");
        Files.setLastModifiedTime(other, FileTime.from(WRITTEN.plusNanos(1000)));
        Files.move(other, file, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        assertThat(digest()).isEqualTo(FileDigest.of(file));
        assertThat(read).isNotEmpty();
    }

    @Test
    void shouldNotRememberWhatMayChangeWithinOneTick() throws IOException {
        now = WRITTEN.plusSeconds(1);
        digest();
        write("two");
        assertThat(digest()).isEqualTo(FileDigest.of(file));
    }

    @Test
    void shouldReadAgainWhereTheMemoryIsDamaged() throws IOException {
        digest();
        Path memory;
        try (var files = Files.list(folder.resolve("cache/digests"))) {
            memory = files.reduce((one, two) -> {
                        throw new AssertionError("more than the memory: " + one + " and " + two);
                    })
                    .orElseThrow();
        }
        String whole = Files.readString(memory);
        for (String damaged : List.of("", whole.substring(0, whole.length() - 2), whole + whole, whole.toUpperCase())) {
            Files.writeString(memory, damaged);
            assertThat(digest()).isEqualTo(FileDigest.of(file));
            assertThat(read).as("with %s", damaged).isNotEmpty();
            assertThat(memory).hasContent(whole);
        }
    }
}
