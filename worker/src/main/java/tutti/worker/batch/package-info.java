/**
 * From the tokenised samples of a micro-batch to packed device tensors: ids, positions, shifted labels, and where each sequence lies.
 *
 * <p>Start at {@link tutti.worker.batch.BatchBuilder}. Called by worker.train and worker.generate. Calls common.token,
 * worker.tensor. Knows nothing of models or ranks.
 */
package tutti.worker.batch;
