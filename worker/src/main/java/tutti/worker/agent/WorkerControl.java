package tutti.worker.agent;

import akka.actor.typed.ActorRef;

/** What a worker process is told from outside of its run. Any thread may ask, also while there is no actor to hear it. */
public final class WorkerControl {
    private ActorRef<WorkerAgent.Message> agent;
    private boolean preempted;

    /** From here on this one hears. */
    public synchronized void connect(ActorRef<WorkerAgent.Message> next) {
        agent = next;
        if (preempted) {
            next.tell(WorkerAgent.preempt());
        }
    }

    /** This node is to make room. */
    public synchronized void preempt() {
        preempted = true;
        if (agent != null) {
            agent.tell(WorkerAgent.preempt());
        }
    }

    /** The coordinator is dead, and another one starts. */
    public synchronized void coordinatorLost() {
        if (agent != null) {
            agent.tell(WorkerAgent.coordinatorLost());
        }
    }
}
