/**
 * From summed gradients to new weights: {@link tutti.worker.optim.LearningRate}, clipping, AdamW.
 *
 * <p>Start at {@link tutti.worker.optim.AdamW}. Called by worker.train; its state is written by worker.checkpoint. Calls
 * worker.tensor, worker.tune's layout. Knows nothing of ranks, only what the replica's shard is: the
 * same gradients give the same weights wherever they are updated.
 */
package tutti.worker.optim;
