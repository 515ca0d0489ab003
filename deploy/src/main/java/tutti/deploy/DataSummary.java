package tutti.deploy;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
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

/** Counts over all samples of a data set, as lines for people. */
final class DataSummary {
    private static final int WIDEST = 40;
    private static final int NAMES = 3;

    private final TreeMap<Integer, Integer> lengths = new TreeMap<>();
    private final Map<Finding, List<String>> found = new EnumMap<>(Finding.class);
    private final Set<String> seen = new HashSet<>();
    private final List<String> duplicates = new ArrayList<>();
    private int samples;
    private int kept;
    private long tokens;
    private long learned;

    void add(Example example, ExampleEncoder.Sample sample) {
        samples++;
        int length = sample.example().length();
        // A row for each doubling.
        lengths.merge(Integer.highestOneBit(Math.max(1, length)), 1, Integer::sum);
        sample.findings()
                .forEach(finding ->
                        found.computeIfAbsent(finding, any -> new ArrayList<>()).add(example.source()));
        if (!seen.add(FileDigest.of(Arrays.toString(sample.example().inputIds()).getBytes(StandardCharsets.UTF_8))
                .sha256())) {
            duplicates.add(example.source());
        }
        if (sample.kept()) {
            kept++;
            tokens += length;
            learned += sample.example().labelledTokens();
        }
    }

    List<String> lines() {
        List<String> lines = new ArrayList<>();
        lines.add("%,d samples, %,d of them trained on: %,d tokens, %,d learned"
                .formatted(samples, kept, tokens, learned));
        int most = lengths.values().stream().mapToInt(Integer::intValue).max().orElse(1);
        lengths.forEach((from, count) -> lines.add("  %,6d to %,6d tokens  %s %,d"
                .formatted(from, 2 * from - 1, "#".repeat(Math.max(1, count * WIDEST / most)), count)));
        found.forEach((finding, sources) -> lines.add(line(sources, finding.meaning())));
        if (!duplicates.isEmpty()) {
            lines.add(line(duplicates, "the same as an earlier one"));
        }
        return lines;
    }

    private static String line(List<String> sources, String what) {
        String more = sources.size() > NAMES ? ", ..." : "";
        return "%s: %,d (%s%s)"
                .formatted(
                        what,
                        sources.size(),
                        String.join(", ", sources.subList(0, Math.min(NAMES, sources.size()))),
                        more);
    }
}
