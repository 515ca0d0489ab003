package tutti.common.protocol;

import akka.actor.typed.ActorRef;

/**
 * A worker that works -> the coordinator's membership, every second: I am still here. Unanswered by the coordinator that it works under;
 * one that was started after that one was lost answers {@link WorkerCommand.NotKnown}, long before the cluster misses the one before it.
 *
 * @param replyTo as in its {@link Join}
 */
public record Presence(ActorRef<WorkerCommand> replyTo) implements WireMessage {}
