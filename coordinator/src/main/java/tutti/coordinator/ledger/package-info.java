/**
 * What happened, in past tense. {@link tutti.coordinator.ledger.RunLedger} puts each event into a database ({@code ledger.mv.db} of
 * the output folder, or PostgreSQL), from which {@link tutti.coordinator.ledger.Past} tells the next coordinator where the run
 * stands; and, for people, into {@code events.jsonl} and {@code metrics.jsonl}, one JSON object a line.
 *
 * <p>Start at RunLedger, then EventTable; {@code Tenure} and {@code Claim} are why a run has no two coordinators. Called by CoordinatorMain and the run
 * actor. Knows nothing of decisions. The one room with a database driver.
 */
package tutti.coordinator.ledger;
