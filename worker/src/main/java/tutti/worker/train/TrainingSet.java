package tutti.worker.train;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import tutti.common.checkpoint.FileDigest;
import tutti.common.config.DataConfig;
import tutti.common.config.EncodingConfig;
import tutti.common.dataset.Datasets;
import tutti.common.dataset.Example;
import tutti.common.dataset.Tokens;
import tutti.common.token.EncodeReport;
import tutti.common.token.ExampleEncoder;
import tutti.common.token.TokenizedExample;
import tutti.common.token.Tokenizer;

/**
 * The tokenised samples that a worker holds in memory, in file order.
 *
 * @param counts samples of each entry of {@code --data_path}
 * @param notes a line for each file that was read
 * @param template of chats; empty where all samples were tokenised before
 * @param fingerprint hash of all tokens and labels: ranks that differ must not train together
 */
record TrainingSet(
        List<TokenizedExample> samples,
        int[] counts,
        EncodeReport report,
        List<String> notes,
        String template,
        String fingerprint) {

    /**
     * @param folder the model's, with its tokenizer; not opened if all samples are tokenised already
     * @param vocabulary token ids must be below it
     */
    static TrainingSet load(DataConfig data, EncodingConfig encoding, Path folder, int maxLength, int vocabulary) {
        Datasets.Loaded loaded = Datasets.load(data);
        List<Example> examples = loaded.examples();
        boolean text = !examples.stream().allMatch(Tokens.class::isInstance);
        try (Opened tokenizer = new Opened(text ? Optional.of(Tokenizer.open(folder)) : Optional.empty())) {
            ExampleEncoder encoder = new ExampleEncoder(tokenizer.value(), encoding, maxLength, vocabulary);
            ExampleEncoder.Result result = encoder.encodeAll(examples);
            return new TrainingSet(
                    result.examples(),
                    kept(loaded.counts(), result.kept()),
                    result.report(),
                    loaded.notes(),
                    encoder.template(),
                    fingerprint(result.examples()));
        }
    }

    List<TokenizedExample> pick(int[] numbers) {
        return Arrays.stream(numbers).mapToObj(samples::get).toList();
    }

    /** Of each sample. */
    int[] lengths() {
        return samples.stream().mapToInt(TokenizedExample::length).toArray();
    }

    private static int[] kept(int[] loaded, BitSet kept) {
        int[] counts = new int[loaded.length];
        int first = 0;
        for (int entry = 0; entry < counts.length; entry++) {
            counts[entry] = kept.get(first, first + loaded[entry]).cardinality();
            first += loaded[entry];
        }
        return counts;
    }

    private static String fingerprint(List<TokenizedExample> samples) {
        MessageDigest sha256 = FileDigest.newSha256();
        for (TokenizedExample sample : samples) {
            ByteBuffer bytes = ByteBuffer.allocate((2 * sample.length() + 1) * Integer.BYTES);
            bytes.putInt(sample.length());
            bytes.asIntBuffer().put(sample.inputIds()).put(sample.labels());
            sha256.update(bytes.array());
        }
        return FileDigest.hex(sha256);
    }

    private record Opened(Optional<Tokenizer> value) implements AutoCloseable {
        @Override
        public void close() {
            value.ifPresent(Tokenizer::close);
        }
    }
}
