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

    @Test
    void shouldTokeniseALargeFileOnceAndTrainAsFromMemory() throws Exception {
        Path large = writeLarge();
        Path cache = folder.resolve("caches/tutti");
        // Rank 0 speaks; it is the one that writes, or finds what rank 1 has written.
        assertThat(run(large, "first", 2)).containsPattern("data: tokens (are kept in|come from) " + cache);
        Path entry = entry(cache);
        assertThat(run(large, "second", 2)).contains("data: tokens come from " + entry + " (1 MiB)");
        try (RandomAccessFile index =
                new RandomAccessFile(entry.resolve("index.bin").toFile(), "rw")) {
            index.write(1);
        }
        assertThat(run(large, "third", 1)).contains("what was there is replaced: index.bin");

        // A record is looked at when it is read: at the first step.
        try (RandomAccessFile tokens =
                new RandomAccessFile(entry.resolve("tokens.bin").toFile(), "rw")) {
            tokens.seek(3);
            tokens.write(0x40);
        }
        try (TuttiProcess run = start(large, "fourth", 1)) {
            run.awaitLine("error: .*tokens.bin: sample 0 is not as it was written .*; delete " + entry);
            run.assertLeftNothing();
        }
    }

    /** Runs to its end, with PyTorch's losses; gives what it printed. */
    private String run(Path data, String name, int workers) throws Exception {
        try (TuttiProcess run = start(data, name, workers)) {
            run.succeed();
            new RunOutput(folder.resolve(name)).assertFixture(workers);
            return run.text();
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
