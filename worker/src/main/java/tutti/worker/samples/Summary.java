package tutti.worker.samples;

import java.util.List;
import tutti.common.token.EncodeReport;

/**
 * What is to be said of the samples of a data set.
 *
 * @param held of each file, what was in it
 * @param kept of each file, how many samples are trained on
 * @param text is any of them text, for which the tokenizer and a template were asked?
 * @param fingerprint SHA-256 over all tokens and labels: ranks that differ must not train together
 */
public record Summary(EncodeReport report, List<String> held, List<Integer> kept, boolean text, String fingerprint) {
    public Summary {
        held = List.copyOf(held);
        kept = List.copyOf(kept);
    }
}
