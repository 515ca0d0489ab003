/**
 * The flat gradient buffer on its way to the other ranks: buckets, ready marks, waiting.
 *
 * <p>Start at {@link tutti.worker.gradient.GradientBuckets}. Called by worker.train (and, as a listener, by the model's
 * backward). Calls worker.allreduce, worker.tune's layout. Knows nothing of optimizers.
 */
package tutti.worker.gradient;
