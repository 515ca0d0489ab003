package tutti.worker;

import akka.actor.typed.ActorSystem;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import tutti.common.config.RunConfig;
import tutti.common.config.WorkerSeat;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.protocol.ClusterConfig;
import tutti.worker.agent.GradientAddress;
import tutti.worker.agent.WorkerAgent;

/** One worker process: wires the actor system and the agent, and waits for the end. */
public final class WorkerMain {
    private WorkerMain() {}

    /**
     * Joins the coordinator, trains, leaves.
     *
     * @param preempted completed by whoever hears that this node is to make room
     * @return 0
     * @throws TuttiException if the coordinator cannot be reached or is lost
     */
    public static int run(RunConfig config, WorkerSeat seat, CompletableFuture<Void> preempted) {
        GradientAddress address = GradientAddress.of(config.launch(), seat);
        CompletableFuture<Void> outcome = new CompletableFuture<>();
        ActorSystem<WorkerAgent.Message> system = ActorSystem.create(
                WorkerAgent.create(config, seat, address, outcome),
                ClusterConfig.SYSTEM,
                ClusterConfig.worker(address.host(), seat.masterAddr(), seat.masterPort()));
        preempted.thenRun(() -> system.tell(WorkerAgent.preempt()));
        // Whatever ends the actors ends the wait; without effect when the outcome is known.
        system.getWhenTerminated()
                .whenComplete((done, cause) -> outcome.completeExceptionally(new TuttiException(
                        Category.PEER, "rank %d was cut off from the coordinator".formatted(seat.rank()), cause)));
        try {
            // As long as the run takes: the agent that started this process ends it if all else fails.
            outcome.get();
            return 0;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof TuttiException cause) {
                throw cause;
            }
            throw new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new TuttiException(Category.PEER, "rank %d was interrupted".formatted(seat.rank()), e);
        } finally {
            system.terminate();
        }
    }
}
