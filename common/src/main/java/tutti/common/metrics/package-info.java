/**
 * What is counted: {@link tutti.common.metrics.StepMetrics} is one optimizer step in numbers (a line of {@code metrics.jsonl},
 * a point of the console's chart), {@link tutti.common.metrics.EvalMetrics} one evaluation,
 * {@link tutti.common.metrics.Meter} names every Micrometer meter with its unit and meaning.
 *
 * <p>Called by the coordinator, which makes a step of what the workers report and shows it. Knows nothing of it.
 */
package tutti.common.metrics;
