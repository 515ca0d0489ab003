package tutti.common.protocol;

import akka.actor.typed.ActorRef;

/**
 * A worker -> the coordinator's membership: here I am. Sent again until an {@link WorkerCommand.Assign} or {@link
 * WorkerCommand.Leave} arrives.
 *
 * @param runId must be the coordinator's or {@link tutti.common.config.WorkerSeat#RUN_NOT_KNOWN}, or the worker is told to
 *     leave
 * @param seat the rank its launcher planned for it; ranks are given in the order of seats
 * @param generation that this worker was in last, under a coordinator that is gone; 0: none
 * @param completed steps that its weights and optimizer state have behind them; -1 if it has none
 * @param address where other nodes reach its gradient link, {@code host:port}; empty on a single node
 */
public record Join(
        String runId,
        int seat,
        int nodeRank,
        String host,
        long pid,
        String device,
        String address,
        int generation,
        long completed,
        ActorRef<WorkerCommand> replyTo)
        implements WireMessage {}
