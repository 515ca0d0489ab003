package tutti.worker.train;

import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import tutti.common.token.EncodeReport;
import tutti.worker.samples.LoadedSamples;
import tutti.worker.samples.SampleSource;
import tutti.worker.samples.Samples;
import tutti.worker.samples.TokenCache;

/**
 * The tokenised samples that a worker trains on, in file order.
 *
 * @param counts samples of each entry of {@code --data_path}
 */
record TrainingSet(LoadedSamples loaded, int[] counts) implements AutoCloseable {

    /** @param progress what is done now, for a person */
    static TrainingSet load(SampleSource source, TokenCache cache, Consumer<String> progress) {
        LoadedSamples loaded = LoadedSamples.load(source, cache, LoadedSamples.SMALL, progress);
        int[] kept = loaded.summary().kept().stream().mapToInt(count -> count).toArray();
        return new TrainingSet(loaded, source.paths().sums(kept));
    }

    int count() {
        return loaded.samples().count();
    }

    Samples samples() {
        return loaded.samples();
    }

    /** Tokens of each sample. */
    int[] lengths() {
        return IntStream.range(0, count()).map(loaded.samples()::length).toArray();
    }

    EncodeReport report() {
        return loaded.summary().report();
    }

    /** A line for each file that was read, and for the cache. */
    List<String> notes() {
        return loaded.notes();
    }

    /** Of chats; empty where all samples were tokenised before. */
    String template() {
        return loaded.template();
    }

    /** Hash of all tokens and labels: ranks that differ must not train together. */
    String fingerprint() {
        return loaded.summary().fingerprint();
    }

    @Override
    public void close() {
        loaded.samples().close();
    }
}
