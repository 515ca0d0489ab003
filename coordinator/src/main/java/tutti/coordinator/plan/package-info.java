/**
 * Decisions without side effects: who of those that are here makes a generation, who gets which rank, which steps are handed out
 * when, and when checkpoints are due.
 *
 * <p>Start at {@link tutti.coordinator.plan.RunPlan}. Called by the membership and run actors. Calls common.shard. Knows nothing
 * of actors, sockets or files.
 */
package tutti.coordinator.plan;
