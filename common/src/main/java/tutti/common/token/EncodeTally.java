package tutti.common.token;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import tutti.common.error.TuttiException;
import tutti.common.token.ExampleEncoder.Sample;

/** Counts what becomes of samples, one after the other; holds none of them. */
public final class EncodeTally {
    private static final int NAMES_KEPT = 5;

    private final List<String> droppedNames = new ArrayList<>();
    private final Map<Finding, Integer> findings = new EnumMap<>(Finding.class);
    private int samples;
    private int kept;
    private long labelled;
    private long total;

    /**
     * @param source where it came from
     * @return is it trained on?
     */
    public boolean add(String source, Sample sample) {
        samples = Math.incrementExact(samples);
        sample.findings().forEach(finding -> findings.merge(finding, 1, Integer::sum));
        if (!sample.kept()) {
            if (droppedNames.size() < NAMES_KEPT) {
                droppedNames.add(source);
            }
            return false;
        }
        kept++;
        labelled += sample.example().labelledTokens();
        total += sample.example().length();
        return true;
    }

    /**
     * Of all that were added. If nothing to learn remains, that is a DATA failure.
     *
     * @param maxLength {@code --model_max_length}
     */
    public EncodeReport report(int maxLength) {
        if (kept == 0) {
            throw TuttiException.data(
                    "none of %d samples has a token to learn within --model_max_length=%d (%d were truncated; first: %s);"
                            + " raise it, or check that the data has answers",
                    samples, maxLength, findings.getOrDefault(Finding.TRUNCATED, 0), droppedNames);
        }
        return new EncodeReport(samples, samples - kept, droppedNames, labelled, total, findings);
    }
}
