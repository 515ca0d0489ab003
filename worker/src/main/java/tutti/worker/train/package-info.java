/**
 * One optimizer step after another. {@link tutti.worker.train.TrainStep} is the spine of Tutti: one method that names every stage
 * in order; {@link tutti.worker.train.Trainer} wires the rooms above for one rank of one generation; {@link
 * tutti.worker.train.TrainLoop} takes shards, steps, and reports.
 *
 * <p>{@link tutti.worker.train.MemoryPlan} is the peak of a worker by use, made by the code that wires a run ({@code Parts}) before
 * any of it is allocated; the agent refuses a run by it, {@code tutti plan} prints it.
 *
 * <p>Called by worker.agent on the training thread. Calls every room above it. Knows nothing of actors.
 */
package tutti.worker.train;
