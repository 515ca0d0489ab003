/**
 * The worker as the coordinator sees it: {@link tutti.worker.agent.WorkerAgent}, the one actor of the process. It joins, takes
 * orders, owns the training thread and reports. It touches no tensor.
 *
 * <p>Start at {@link tutti.worker.agent.WorkerAgent}; {@link tutti.worker.agent.TrainingThread} is what it starts. Called by
 * WorkerMain. Calls common.protocol, worker.train, worker.allreduce.
 */
package tutti.worker.agent;
