/**
 * Who trains on what: pure arithmetic from (samples, virtual ranks, batch, seed, step) to sample numbers. The position in the data is
 * a step number, never a loop that skips.
 *
 * <p>Start at {@link tutti.common.shard.BatchPlan}, by which the coordinator sends the shards. It deals out numbers and does not know what
 * they stand for: a worker may have put samples together ({@link tutti.common.shard.BestFit}) or use some more often than others ({@link
 * tutti.common.shard.Mixture}). Called by the coordinator, worker.train and tests. Calls {@code common.config}, {@code common.error}. Knows
 * nothing of files or tokens.
 */
package tutti.common.shard;
