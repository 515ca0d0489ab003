/**
 * The flat gradient buffer on its way to the other ranks: buckets, ready marks, waiting; and, where each rank updates a shard only,
 * the new weights on their way back.
 *
 * <p>Start at {@link tutti.worker.gradient.BucketPlan} (who owns what) and {@link tutti.worker.gradient.GradientBuckets}; {@link
 * tutti.worker.gradient.PartialSums} adds up a worker's virtual ranks before anything travels.
 *
 * <p>Called by worker.train, worker.checkpoint (and, as a listener, by the model's backward). Calls worker.allreduce, worker.tune's layout. Knows nothing of optimizers.
 */
package tutti.worker.gradient;
