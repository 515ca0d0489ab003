package tutti.worker.train;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import tutti.common.checkpoint.FileDigest;
import tutti.common.config.BatchConfig;
import tutti.common.config.DataConfig;
import tutti.common.shard.BestFit;
import tutti.common.shard.LengthOrder;
import tutti.common.shard.Mixture;
import tutti.worker.batch.BatchBuilder;

/**
 * What the numbers stand for that the coordinator deals out, who knows how many there are and no lengths. They number the samples in file
 * order; with {@code --group_by_length} by ascending length; with {@code --packing} packs of samples; with {@code --data_weights} the
 * places of an epoch, at which samples or packs are used. All of that is fixed for a run and the same on all ranks.
 */
final class Numbering {
    private final int[] lengths;
    private final boolean packed;
    private final int longest;
    /** What is used at one place: packs or samples. */
    private final int units;

    private final IntFunction<IntStream> samplesOf;
    private final Optional<Mixture> mixture;
    private final List<String> notes = new ArrayList<>();
    private final String fingerprint;

    /**
     * @param lengths tokens of each sample
     * @param counts samples of each entry of {@code --data_path}
     * @param fingerprint of the samples alone
     * @param maxLength tokens of a pack
     * @throws tutti.common.error.TuttiException (data) if there is nothing to take from an entry that has a weight
     */
    Numbering(
            BatchConfig batches,
            DataConfig data,
            long seed,
            int[] lengths,
            int[] counts,
            String fingerprint,
            int maxLength) {
        this.lengths = lengths;
        this.packed = batches.packing();
        this.longest = packed ? maxLength : Arrays.stream(lengths).max().orElseThrow();
        MessageDigest sha256 = FileDigest.newSha256();
        update(sha256, fingerprint);
        int[] parts = batches.weighted() ? counts : new int[] {lengths.length};
        if (packed) {
            List<int[][]> ofParts = packs(lengths, parts, maxLength);
            parts = ofParts.stream().mapToInt(part -> part.length).toArray();
            int[][] packs = ofParts.stream().flatMap(Arrays::stream).toArray(int[][]::new);
            update(sha256, "packing " + maxLength);
            Arrays.stream(packs).forEach(pack -> update(sha256, Arrays.toString(pack)));
            notes.add(filling(lengths, packs.length, maxLength));
            units = packs.length;
            samplesOf = pack -> Arrays.stream(packs[pack]);
        } else if (batches.groupByLength()) {
            int[] ascending = LengthOrder.ascending(lengths, longest);
            update(sha256, "group_by_length");
            units = lengths.length;
            samplesOf = number -> IntStream.of(ascending[number]);
        } else {
            units = lengths.length;
            samplesOf = IntStream::of;
        }
        mixture = batches.weighted()
                ? Optional.of(new Mixture(data.paths(), parts, batches.weights(), data.shuffle(), seed))
                : Optional.empty();
        mixture.ifPresent(some -> {
            update(sha256, some.toString());
            notes.add(some.describe(packed ? "packs" : "samples"));
        });
        boolean plain = !packed && !batches.groupByLength() && !batches.weighted();
        this.fingerprint = plain ? fingerprint : FileDigest.hex(sha256);
    }

    private static void update(MessageDigest digest, String text) {
        digest.update(text.getBytes(StandardCharsets.UTF_8));
    }

    private static List<int[][]> packs(int[] lengths, int[] parts, int maxLength) {
        int[] rows = Arrays.stream(lengths)
                .map(length -> BatchBuilder.rows(length, maxLength))
                .toArray();
        List<int[][]> packs = new ArrayList<>();
        int first = 0;
        for (int count : parts) {
            int from = first;
            packs.add(Arrays.stream(BestFit.packs(Arrays.copyOfRange(rows, from, from + count), maxLength))
                    .map(pack ->
                            Arrays.stream(pack).map(sample -> from + sample).toArray())
                    .toArray(int[][]::new));
            first += count;
        }
        return packs;
    }

    private static String filling(int[] lengths, int packs, int maxLength) {
        long tokens = Arrays.stream(lengths).asLongStream().sum();
        return "packing: %,d samples in %,d packs of %,d tokens, %.1f %% full"
                .formatted(lengths.length, packs, maxLength, 100.0 * tokens / ((long) packs * maxLength));
    }

    /** Numbers of an epoch. */
    int count() {
        return mixture.map(Mixture::places).orElse(units);
    }

    /** Rows of the longest sample, or of a pack. */
    int longest() {
        return longest;
    }

    /** One line each, for the person at the terminal. */
    List<String> notes() {
        return List.copyOf(notes);
    }

    /** Hash of the samples and of what the numbers stand for; that of the samples where every number is a sample's own. */
    String fingerprint() {
        return fingerprint;
    }

    /** The samples that these numbers stand for in an epoch; of packs those of equal length side by side, as attention likes them. */
    int[] samples(long epoch, int[] numbers) {
        IntStream samples = Arrays.stream(numbers)
                .map(number -> mixture.map(some -> some.sample(epoch, number)).orElse(number))
                .flatMap(samplesOf);
        return packed
                ? samples.boxed()
                        .sorted(Comparator.comparingInt((Integer sample) -> -lengths[sample]))
                        .mapToInt(Integer::intValue)
                        .toArray()
                : samples.toArray();
    }
}
