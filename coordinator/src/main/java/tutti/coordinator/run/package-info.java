/**
 * Where a run stands. {@link tutti.coordinator.run.RunStatus} is one immutable snapshot of it;
 * {@link tutti.coordinator.run.StatusBoard} is the one place where snapshots and steps are published and from which the
 * console and the meters read; {@link tutti.coordinator.run.RunMeters} turns both into Micrometer meters.
 *
 * <p>Start at {@link tutti.coordinator.run.RunActor}, one method for each state of a run, then at {@link
 * tutti.coordinator.run.StatusBoard}. {@code Leases} hands out steps, {@code Checkpointing} is what becomes of checkpoints, {@code
 * Regrouping} the state between two generations and {@code Regroup} what is known there, {@code Resizing} ends a generation for nodes that come or
 * go, {@code Guards} watches losses, gradients and
 * slow ranks. Called by console and CoordinatorMain. Calls plan, ledger, membership. Knows nothing of HTTP, tensors or workers' insides.
 */
package tutti.coordinator.run;
