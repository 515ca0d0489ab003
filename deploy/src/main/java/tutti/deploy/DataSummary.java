package tutti.deploy;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import tutti.common.checkpoint.FileDigest;
import tutti.common.dataset.Example;
import tutti.common.token.ExampleEncoder;
import tutti.common.token.Finding;

/** Counts over all samples of a data set, as lines for people. Holds of each sample no more than a hash, to find it again. */
final class DataSummary {
    private static final int WIDEST = 40;
    private static final int NAMES = 3;

    private final TreeMap<Integer, Integer> lengths = new TreeMap<>();
    private final Map<Finding, Named> found = new EnumMap<>(Finding.class);
    private final Set<Hash> seen = new HashSet<>();
    private final Named duplicates = new Named();
    private int samples;
    private int kept;
    private long tokens;
    private long learned;

    /** Half of a SHA-256: enough to tell samples apart. */
    private record Hash(long high, long low) {
        static Hash of(int[] ids) {
            ByteBuffer bytes = ByteBuffer.allocate(ids.length * Integer.BYTES);
            bytes.asIntBuffer().put(ids);
            ByteBuffer digest = ByteBuffer.wrap(FileDigest.newSha256().digest(bytes.array()));
            return new Hash(digest.getLong(), digest.getLong());
        }
    }

    /** Samples that have something in common: how many, and where the first few are. */
    private static final class Named {
        private final List<String> first = new ArrayList<>();
        private int count;

        void add(String source) {
            count++;
            if (first.size() < NAMES) {
                first.add(source);
            }
        }

        String line(String what) {
            return "%s: %,d (%s%s)".formatted(what, count, String.join(", ", first), count > NAMES ? ", ..." : "");
        }
    }

    /** Returns the number of samples, with this one. */
    int add(Example example, ExampleEncoder.Sample sample) {
        samples++;
        int length = sample.example().length();
        // A row for each doubling.
        lengths.merge(Integer.highestOneBit(Math.max(1, length)), 1, Integer::sum);
        sample.findings()
                .forEach(finding ->
                        found.computeIfAbsent(finding, any -> new Named()).add(example.source()));
        if (!seen.add(Hash.of(sample.example().inputIds()))) {
            duplicates.add(example.source());
        }
        if (sample.kept()) {
            kept++;
            tokens += length;
            learned += sample.example().labelledTokens();
        }
        return samples;
    }

    List<String> lines() {
        List<String> lines = new ArrayList<>();
        lines.add("%,d samples, %,d of them trained on: %,d tokens, %,d learned"
                .formatted(samples, kept, tokens, learned));
        int most = lengths.values().stream().mapToInt(Integer::intValue).max().orElse(1);
        lengths.forEach((from, count) -> lines.add("  %,6d to %,6d tokens  %s %,d"
                .formatted(from, 2 * from - 1, "#".repeat(Math.max(1, count * WIDEST / most)), count)));
        found.forEach((finding, named) -> lines.add(named.line(finding.meaning())));
        if (duplicates.count > 0) {
            lines.add(duplicates.line("the same as an earlier one"));
        }
        return lines;
    }
}
