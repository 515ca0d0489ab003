package tutti.common.token;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

/**
 * What became of the samples.
 *
 * @param samples as loaded
 * @param dropped left out because no token of them carries loss, or because they are too long
 * @param droppedNames where the first few of those came from
 * @param labelledTokens of the kept samples, counted as the loss counts them
 * @param totalTokens of the kept samples
 * @param findings how many samples each was found in
 */
public record EncodeReport(
        int samples,
        int dropped,
        List<String> droppedNames,
        long labelledTokens,
        long totalTokens,
        Map<Finding, Integer> findings) {
    public EncodeReport {
        droppedNames = List.copyOf(droppedNames);
        findings = Map.copyOf(findings);
    }

    /** Cut to the maximum length, kept or not. */
    public int truncated() {
        return findings.getOrDefault(Finding.TRUNCATED, 0);
    }

    /** One line each: what a person should look at before a long run. */
    public List<String> warnings() {
        return Stream.of(Finding.DOUBLED_BOS, Finding.END_NOT_LEARNED, Finding.PADDING_LEARNED, Finding.UNKNOWN_MARKER)
                .filter(findings::containsKey)
                .map(finding -> "warning: %,d of %,d samples: %s; tutti data shows them"
                        .formatted(findings.get(finding), samples, finding.meaning()))
                .toList();
    }

    /** One line for the log. */
    public String summary() {
        String base = String.format(
                Locale.ROOT,
                "%d samples, %d tokens, %d of them learned; %d truncated, %d dropped",
                samples - dropped,
                totalTokens,
                labelledTokens,
                truncated(),
                dropped);
        if (dropped == 0) {
            return base;
        }
        String more = dropped > droppedNames.size() ? ", ..." : "";
        return base + " (nothing to learn in " + String.join(", ", droppedNames) + more + ")";
    }
}
