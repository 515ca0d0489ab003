package tutti.coordinator.membership;

import akka.actor.typed.ActorRef;
import java.util.List;
import java.util.Set;
import tutti.common.protocol.WorkerCommand;
import tutti.coordinator.plan.Member;

/** Membership -> the run. */
public sealed interface MembershipEvent {

    /** One more worker is here; {@code present} of {@code expected} when all nodes are. */
    record Arrived(int present, int expected, ActorRef<WorkerCommand> worker) implements MembershipEvent {}

    /**
     * Enough workers are here and have their ranks.
     *
     * @param nodes from which somebody is here, with a rank or without
     */
    record Formed(int generation, List<Member> members, Set<Integer> nodes) implements MembershipEvent {}

    /** More workers have come than the generation has: {@link Membership#renew} forms a larger one. */
    record CouldGrow(int worldSize) implements MembershipEvent {}

    /** The answer to {@link Membership#spare}: are there enough without that node? */
    record Spared(int node, boolean enough) implements MembershipEvent {}

    /** The rendezvous time is over, with fewer workers than are needed at least. */
    record TooFew(int present, int expected, int seconds) implements MembershipEvent {}

    /** A worker of that generation is gone. */
    record Lost(int generation, Member member) implements MembershipEvent {}
}
