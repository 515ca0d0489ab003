/**
 * What happened, in past tense: {@link tutti.coordinator.ledger.RunLedger} appends to {@code events.jsonl} and {@code
 * metrics.jsonl} of the output folder, one JSON object a line.
 *
 * <p>Called by the run actor. Knows nothing of decisions.
 */
package tutti.coordinator.ledger;
