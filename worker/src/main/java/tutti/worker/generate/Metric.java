package tutti.worker.generate;

/** What an evaluation measures. */
public enum Metric {
    /** And the loss, of which it is the exponential. */
    PERPLEXITY,
    /** Answers that are as good as the wanted ones by an {@link AnswerRule}. */
    EXACT_MATCH
}
