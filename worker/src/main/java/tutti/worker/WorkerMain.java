package tutti.worker;

import akka.actor.typed.ActorSystem;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.common.config.RunConfig;
import tutti.common.config.WorkerSeat;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.protocol.ClusterConfig;
import tutti.worker.agent.GradientAddress;
import tutti.worker.agent.TrainingThread;
import tutti.worker.agent.WorkerAgent;
import tutti.worker.agent.WorkerAgent.Ending;
import tutti.worker.agent.WorkerControl;
import tutti.worker.train.Backends;

/** One worker process: wires the actor system and the agent, and waits for the end. */
public final class WorkerMain {
    private static final Logger LOG = LoggerFactory.getLogger(WorkerMain.class);

    private static final long GOODBYE_SECONDS = 2;

    private WorkerMain() {}

    /**
     * Joins the coordinator, trains, leaves. Where the coordinator is lost it holds what it has and joins the next one at that address.
     *
     * @param control through which the process is told to make room, or that the coordinator is dead
     * @return 0
     * @throws TuttiException if no coordinator can be reached
     */
    public static int run(RunConfig config, WorkerSeat seat, WorkerControl control) {
        Backends.loadAhead(config.train().backend());
        GradientAddress address = GradientAddress.of(config.launch(), seat);
        TrainingThread training = new TrainingThread(config, seat, address);
        while (underOneCoordinator(config, seat, address, training, control) == Ending.COORDINATOR_LOST) {
            LOG.warn(
                    "rank {}: the coordinator at {}:{} is gone; waiting for the next one",
                    seat.rank(),
                    seat.masterAddr(),
                    seat.masterPort());
        }
        return 0;
    }

    private static Ending underOneCoordinator(
            RunConfig config,
            WorkerSeat seat,
            GradientAddress address,
            TrainingThread training,
            WorkerControl control) {
        CompletableFuture<Ending> outcome = new CompletableFuture<>();
        ActorSystem<WorkerAgent.Message> system = ActorSystem.create(
                WorkerAgent.create(config, seat, address, training, outcome),
                ClusterConfig.SYSTEM,
                ClusterConfig.worker(address.host(), seat.masterAddr(), seat.masterPort()));
        control.connect(system);
        // Whatever ends the actors ends the wait; without effect when the outcome is known.
        system.getWhenTerminated().whenComplete((done, cause) -> cutOff(config, seat, outcome, cause));
        try {
            // As long as the run takes: the agent that started this process ends it if all else fails.
            Ending ending = outcome.get();
            if (ending == Ending.DONE) {
                sayGoodbye(system);
            }
            return ending;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof TuttiException cause) {
                throw cause;
            }
            throw new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new TuttiException(Category.PEER, "rank %d was interrupted".formatted(seat.rank()), e);
        } finally {
            // Not waited for otherwise: it may try to say goodbye to a coordinator that is dead.
            system.terminate();
        }
    }

    /** The coordinator waits until its last message is acknowledged, for a whole second where nobody is left to do so. */
    private static void sayGoodbye(ActorSystem<?> system) throws InterruptedException {
        system.terminate();
        try {
            system.getWhenTerminated().toCompletableFuture().get(GOODBYE_SECONDS, TimeUnit.SECONDS);
        } catch (TimeoutException | ExecutionException e) {
            LOG.debug("the actor system did not end in time", e);
        }
    }

    /** A cluster that does not hear its coordinator ends itself: it is dead, or behind a network that may come back. */
    private static void cutOff(RunConfig config, WorkerSeat seat, CompletableFuture<Ending> outcome, Throwable cause) {
        if (config.launch().maxRestarts() > 0) {
            outcome.complete(Ending.COORDINATOR_LOST);
        } else {
            outcome.completeExceptionally(new TuttiException(
                    Category.PEER, "rank %d was cut off from the coordinator".formatted(seat.rank()), cause));
        }
    }
}
