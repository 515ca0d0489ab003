/**
 * Who trains on what: pure arithmetic from (samples, virtual ranks, batch, seed, step) to sample numbers. The position in the data is
 * a step number, never a loop that skips.
 *
 * <p>Start at {@link tutti.common.shard.BatchPlan}. Called by the coordinator, which sends the shards, and by tests. Calls
 * {@code common.error}. Knows nothing of files or tokens.
 */
package tutti.common.shard;
