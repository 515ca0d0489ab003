package tutti.worker.samples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import tutti.common.config.DataConfig;
import tutti.common.config.EncodingConfig;
import tutti.common.token.TokenizedExample;

/** Data files with samples that are tokens already, from a seed: learned or not, with labels of their own, too long, with nothing to learn. */
final class TokenData {
    static final int VOCABULARY = 500;
    static final int MAX_LENGTH = 40;
    static final Consumer<String> SILENT = doing -> {};

    private TokenData() {}

    static Path write(Path file, int samples, long seed) throws IOException {
        Random random = new Random(seed);
        return Files.writeString(
                file, IntStream.range(0, samples).mapToObj(i -> line(random)).collect(Collectors.joining()));
    }

    private static String line(Random random) {
        int[] ids =
                random.ints(1 + random.nextInt(2 * MAX_LENGTH), 0, VOCABULARY).toArray();
        int kind = random.nextInt(4);
        int[] labels = IntStream.of(ids)
                .map(id -> kind == 0 || random.nextBoolean()
                        ? TokenizedExample.IGNORED
                        : kind == 1 ? random.nextInt(VOCABULARY) : id)
                .toArray();
        return "{\"input_ids\":%s,\"labels\":%s}\n".formatted(Arrays.toString(ids), Arrays.toString(labels));
    }

    static SampleSource source(Path... files) {
        return source(new DataConfig(List.of(files)));
    }

    static SampleSource source(DataConfig data) {
        return SampleSource.of(data, EncodingConfig.USUAL, Path.of("no-model"), MAX_LENGTH, VOCABULARY, 2);
    }

    static LoadedSamples inMemory(SampleSource source) {
        return LoadedSamples.load(source, null, Long.MAX_VALUE, SILENT);
    }

    static LoadedSamples inFile(SampleSource source, Path cache) {
        return LoadedSamples.load(source, new TokenCache(cache), 0, SILENT);
    }

    /** Ids and labels of all, as a comparison can show them. */
    static List<List<String>> all(Samples samples) {
        return IntStream.range(0, samples.count())
                .mapToObj(samples::get)
                .map(one -> List.of(Arrays.toString(one.inputIds()), Arrays.toString(one.labels())))
                .toList();
    }

    /** The one entry. */
    static Path entry(Path cache) throws IOException {
        try (var names = Files.list(cache)) {
            return names.filter(name -> !name.getFileName().toString().equals("digests"))
                    .reduce((one, other) -> {
                        throw new AssertionError("more than an entry: " + one + " and " + other);
                    })
                    .orElseThrow();
        }
    }
}
