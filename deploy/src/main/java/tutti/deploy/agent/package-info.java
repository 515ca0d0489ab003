/**
 * The agent of a node: one process that starts the coordinator (on node 0), the workers and Aeron's media driver, watches
 * them, and leaves nothing behind: no process, no folder in {@code /dev/shm}, no temporary file.
 *
 * <p>Start at {@link tutti.deploy.agent.Agent#run}, which names every stage in order; {@link tutti.deploy.agent.Supervisor}
 * decides what the end of one child means for the others. {@link tutti.deploy.agent.RankGroup} is the same for ranks without a
 * run, as benchmarks start them. {@link tutti.deploy.agent.ParentWatch}, which ends a child
 * when its agent dies and obeys what that says, and {@link tutti.deploy.agent.Signals} run inside children too.
 *
 * <p>Called by {@code tutti.deploy}. Calls common.config and common.error. Knows nothing of models, tensors, actors or what
 * the children say to each other.
 */
package tutti.deploy.agent;
