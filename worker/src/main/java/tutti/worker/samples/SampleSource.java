package tutti.worker.samples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import tutti.common.config.DataConfig;
import tutti.common.config.EncodingConfig;
import tutti.common.dataset.DataPaths;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/**
 * What samples are made of.
 *
 * @param paths the files of {@code data}
 * @param folder the model's, with its tokenizer; not opened if all samples are tokenised already
 * @param maxLength tokens of a sample
 * @param vocabulary token ids must be below it
 * @param threads that tokenise, beside the one that reads
 */
public record SampleSource(
        DataPaths paths,
        DataConfig data,
        EncodingConfig encoding,
        Path folder,
        int maxLength,
        int vocabulary,
        int threads) {
    private static final Pattern COMPRESSED = Pattern.compile("\\.(gz|zst|parquet)$");
    /** Of text by zstd at its best levels. */
    private static final int EXPANSION = 8;

    /** @throws TuttiException (data) if a path does not exist */
    public static SampleSource of(
            DataConfig data, EncodingConfig encoding, Path folder, int maxLength, int vocabulary, int threads) {
        return new SampleSource(DataPaths.of(data.paths()), data, encoding, folder, maxLength, vocabulary, threads);
    }

    /** Of all files, about; what is compressed counts for what text comes to. */
    long bytes() {
        long bytes = 0;
        for (Path file : paths.files()) {
            try {
                bytes += Files.size(file) * (COMPRESSED.matcher(file.toString()).find() ? EXPANSION : 1);
            } catch (IOException e) {
                throw new TuttiException(Category.ENVIRONMENT, file + ": cannot be read: " + e, e);
            }
        }
        return bytes;
    }
}
