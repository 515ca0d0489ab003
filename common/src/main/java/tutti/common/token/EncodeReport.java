package tutti.common.token;

import java.util.List;
import java.util.Locale;

/**
 * What became of the samples.
 *
 * @param samples as loaded
 * @param truncated cut to the maximum length, kept or not
 * @param dropped left out because no token of them carries loss
 * @param droppedNames where the first few of those came from
 * @param labelledTokens of the kept samples, counted as the loss counts them
 * @param totalTokens of the kept samples
 */
public record EncodeReport(
        int samples, int truncated, int dropped, List<String> droppedNames, long labelledTokens, long totalTokens) {
    public EncodeReport {
        droppedNames = List.copyOf(droppedNames);
    }

    /** One line for the log. */
    public String summary() {
        String base = String.format(
                Locale.ROOT,
                "%d samples, %d tokens, %d of them learned; %d truncated, %d dropped",
                samples - dropped,
                totalTokens,
                labelledTokens,
                truncated,
                dropped);
        if (dropped == 0) {
            return base;
        }
        String more = dropped > droppedNames.size() ? ", ..." : "";
        return base + " (nothing to learn in " + String.join(", ", droppedNames) + more + ")";
    }
}
