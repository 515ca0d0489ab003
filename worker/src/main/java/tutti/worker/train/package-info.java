/**
 * One optimizer step after another. {@link tutti.worker.train.TrainStep} is the spine of Tutti: one method that names every stage
 * in order; {@link tutti.worker.train.Trainer} wires the rooms above for one rank of one generation; {@link
 * tutti.worker.train.TrainLoop} takes shards, steps, and reports.
 *
 * <p>Called by worker.agent on the training thread. Calls every room above it. Knows nothing of actors.
 */
package tutti.worker.train;
