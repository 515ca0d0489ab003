package tutti.coordinator.run;

import akka.actor.typed.ActorRef;
import java.util.concurrent.CompletableFuture;

/** What people and signals ask of a run while it runs. Any thread may ask; what comes before the run's actor is there waits for it. */
public final class RunControl {
    private final CompletableFuture<ActorRef<RunActor.Message>> actor = new CompletableFuture<>();

    public void connect(ActorRef<RunActor.Message> run) {
        actor.complete(run);
    }

    /** A checkpoint after the steps that are handed out: within seconds. */
    public void saveNow() {
        actor.thenAccept(run -> run.tell(RunActor.saveNow()));
    }

    /** The same, and then the end of the run. */
    public void preempt() {
        actor.thenAccept(run -> run.tell(RunActor.preempt()));
    }
}
