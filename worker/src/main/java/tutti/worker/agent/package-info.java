/**
 * The worker as the coordinator sees it: {@link tutti.worker.agent.WorkerAgent}, the one actor of the process. It joins, takes
 * orders, owns the training thread and reports. It touches no tensor.
 *
 * <p>Start at {@link tutti.worker.agent.WorkerAgent}, which lives under one coordinator; {@link tutti.worker.agent.TrainingThread} has
 * what the process holds, and lives through generations and coordinators. Called by
 * WorkerMain. Calls common.protocol, worker.train, worker.allreduce.
 */
package tutti.worker.agent;
