package tutti.worker.samples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.checkpoint.CommitDir;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/** One makes an entry, others wait; until it stands still, or dies. */
@Timeout(60)
class CacheLockTest {
    @TempDir
    Path folder;

    @Test
    void shouldGiveUpOnAHolderThatStandsStillAndNameIt() {
        Path file = folder.resolve("lock");
        AtomicLong seconds = new AtomicLong();
        try (CacheLock held = CacheLock.take(file, Duration.ofSeconds(5), System::nanoTime, doing -> {})) {
            held.say("tokenising sample 1");
            assertThatThrownBy(() -> CacheLock.take(
                            file,
                            Duration.ofSeconds(5),
                            () -> TimeUnit.SECONDS.toNanos(seconds.incrementAndGet()),
                            doing -> {}))
                    .isInstanceOfSatisfying(
                            TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.ENVIRONMENT))
                    .hasMessageContainingAll(
                            "process " + ProcessHandle.current().pid() + " (tokenising sample 1)", "for 5 s");
        }
        assertThat(file).doesNotExist();
    }

    /** It says another thing each time it is looked at, for longer than the patience. */
    @Test
    void shouldWaitForAHolderThatGetsOn() {
        Path file = folder.resolve("lock");
        AtomicLong seconds = new AtomicLong();
        AtomicLong said = new AtomicLong();
        CacheLock[] held = {
            CacheLock.take(
                    file, Duration.ofSeconds(5), () -> TimeUnit.SECONDS.toNanos(said.incrementAndGet()), doing -> {})
        };
        held[0].say("0");
        CacheLock.take(file, Duration.ofSeconds(5), () -> TimeUnit.SECONDS.toNanos(seconds.addAndGet(2)), doing -> {
                    if (said.get() < 20) {
                        held[0].say(Long.toString(said.get()));
                    } else {
                        held[0].close();
                    }
                })
                .close();
        assertThat(seconds).hasValueGreaterThan(10);
    }

    @Test
    void shouldTakeOverFromAWriterThatWasKilled() throws Exception {
        Path cache = Files.createDirectory(folder.resolve("cache"));
        SampleSource source = TokenData.source(TokenData.write(folder.resolve("a.jsonl"), 100, 10));
        TokenData.inFile(source, cache).samples().close();
        Path entry = TokenData.entry(cache);
        byte[] tokens = Files.readAllBytes(entry.resolve("tokens.bin"));
        Files.move(entry, folder.resolve("made-before"));

        Process writer = new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Writer.class.getName(),
                        entry.toString()))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (BufferedReader out = writer.inputReader()) {
            assertThat(out.readLine()).isEqualTo("half done");
            CompletableFuture<String> waiting = new CompletableFuture<>();
            CompletableFuture<LoadedSamples> loading =
                    CompletableFuture.supplyAsync(() -> LoadedSamples.load(source, new TokenCache(cache), 0, doing -> {
                        if (doing.startsWith("waiting")) {
                            waiting.complete(doing);
                        }
                    }));
            assertThat(waiting.get(30, TimeUnit.SECONDS))
                    .isEqualTo("waiting for process " + writer.pid() + " (half done)");
            assertThat(loading).isNotDone();
            writer.destroyForcibly().waitFor();
            loading.get(30, TimeUnit.SECONDS).samples().close();
        } finally {
            writer.destroyForcibly();
        }
        assertThat(TokenData.entry(cache)).as("nothing beside it").isEqualTo(entry);
        assertThat(entry.resolve("tokens.bin")).hasBinaryContent(tokens);
    }

    /** A process that begins an entry and never ends it. */
    static final class Writer {
        private Writer() {}

        public static void main(String[] arguments) throws IOException {
            Path entry = Path.of(arguments[0]);
            CacheLock lock = new TokenCache(entry.getParent()).lock(Path.of(entry + ".lock"), doing -> {});
            CommitDir begun =
                    CommitDir.begin(entry.getParent(), entry.getFileName().toString());
            Files.writeString(begun.path().resolve("tokens.bin"), "half", StandardOpenOption.CREATE_NEW);
            lock.say("half done");
            System.out.println("half done");
            System.out.flush();
            // Until it is killed, or the test is gone.
            while (System.in.read() >= 0) {}
        }
    }
}
