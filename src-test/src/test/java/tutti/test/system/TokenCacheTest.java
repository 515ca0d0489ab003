package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.test.support.TrainSpec;
import tutti.worker.samples.LoadedSamples;

/** A data file that is not kept in memory: tokenised once, by one of the workers, and known from then on. */
class TokenCacheTest {
    @TempDir
    Path folder;

    /** A field that no format has makes the file of {@link TrainSpec} large; its samples are what they were. */
    private Path writeLarge() throws IOException {
        List<String> lines = Files.readAllLines(TrainSpec.writeData(folder));
        String padding = "x".repeat((int) (LoadedSamples.SMALL / lines.size()) + 1);
        Path large = folder.resolve("large.jsonl");
        try (BufferedWriter out = Files.newBufferedWriter(large)) {
            for (String line : lines) {
                out.write(line.replaceFirst("\\{", "{\"padding\":\"" + padding + "\",") + "\n");
            }
        }
        return large;
    }

    /** What becomes of an index that is damaged {@code DamagedEntryTest} shows. */
    @Test
    void shouldTokeniseALargeFileOnceAndTrainAsFromMemoryUntilARecordIsDamaged() throws Exception {
        Path large = writeLarge();
        Path cache = folder.resolve("caches/tutti");
        try (TuttiProcess run = start(large, "first", 2)) {
            run.succeed();
            // One of the two has written the tokens, the other has found them: PyTorch's losses, and the same bits.
            new RunOutput(folder.resolve("first")).assertFixture(2);
            // Rank 0 speaks; it is the one that writes, or finds what rank 1 has written.
            assertThat(run.text()).containsPattern("data: tokens (are kept in|come from) " + cache);
        }
        Path entry = entry(cache);
        // A record is looked at when it is read: at the first step.
        try (RandomAccessFile tokens =
                new RandomAccessFile(entry.resolve("tokens.bin").toFile(), "rw")) {
            tokens.seek(3);
            tokens.write(0x40);
        }
        try (TuttiProcess run = start(large, "second", 1)) {
            run.awaitLine("data: tokens come from " + entry + " \\(1 MiB\\)");
            run.awaitLine("error: .*tokens.bin: sample 0 is not as it was written .*; delete " + entry);
            run.assertLeftNothing();
        }
    }

    private TuttiProcess start(Path data, String name, int workers) {
        Map<String, String> flags = TrainSpec.flags(data, folder.resolve(name), 2, 2 / workers);
        flags.put("nproc_per_node", Integer.toString(workers));
        flags.put("logging_steps", "1");
        String caches = folder.resolve("caches").toString();
        return TuttiProcess.run(folder, List.of(), Map.of("XDG_CACHE_HOME", caches), flags);
    }

    /** The one there is, with nothing beside it. */
    private static Path entry(Path cache) throws IOException {
        Set<String> names = new TreeSet<>();
        try (Stream<Path> all = Files.list(cache)) {
            all.forEach(name -> names.add(name.getFileName().toString()));
        }
        assertThat(names).hasSize(2).contains("digests");
        names.remove("digests");
        return cache.resolve(names.iterator().next());
    }
}
