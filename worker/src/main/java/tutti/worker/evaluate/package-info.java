/**
 * How good the weights are while they are trained: all ranks measure the loss of held-out samples and ask questions, and all get the
 * same bits, however many they are. Nothing of the training changes by it.
 *
 * <p>Start at {@link tutti.worker.evaluate.HeldOutEvaluation}. Called by worker.train's loop, between two steps; wired by worker.agent.
 * Calls worker.train, worker.generate, worker.allreduce. Knows nothing of when it is due.
 */
package tutti.worker.evaluate;
