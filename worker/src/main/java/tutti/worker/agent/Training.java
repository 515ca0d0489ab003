package tutti.worker.agent;

import java.util.concurrent.CompletableFuture;
import tutti.common.protocol.WorkerCommand;
import tutti.worker.train.Progress;

/** What the worker's actor needs of the thread that trains. It outlives the actor. */
interface Training {
    /** Any of them but Leave and Hold. One caller at a time. */
    void order(WorkerCommand command);

    /** The newest generation that it was in; 0 before the first. */
    int generation();

    /**
     * Ends all waiting of the newest generation; what is being computed is finished first.
     *
     * @return steps that its weights and optimizer state have behind them then; -1 if it has none
     */
    CompletableFuture<Long> hold();

    /** What the thread does now. */
    Progress progress();

    /** Ends the thread at its next wait; nothing it holds outlives the process. */
    void stop();
}
