package tutti.common.metrics;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/**
 * One evaluation; one line of {@code metrics.jsonl}, in snake_case, with the names of Hugging Face's Trainer.
 *
 * @param step steps behind the weights
 * @param epoch passes over the training data, as a fraction
 * @param evalLoss cross-entropy per labelled token, in nats; perplexity is its exponential
 * @param evalExactMatch share of right answers; null where none was asked for
 * @param evalRuntime seconds
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record EvalMetrics(
        long step,
        double epoch,
        double evalLoss,
        double evalPerplexity,
        @JsonInclude(JsonInclude.Include.NON_NULL) Double evalExactMatch,
        int evalSamples,
        double evalRuntime,
        double evalSamplesPerSecond) {}
