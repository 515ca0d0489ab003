package tutti.coordinator.plan;

import akka.actor.typed.ActorRef;
import java.util.Comparator;
import java.util.List;
import tutti.common.protocol.Join;
import tutti.common.protocol.Peer;
import tutti.common.protocol.WorkerCommand;

/** One worker with its rank in the current generation. */
public record Member(int rank, Join join) {

    /** Ranks in the order of seats: the launchers dealt those by node, so that ranks of one node are neighbours. */
    public static List<Member> rank(List<Join> joins) {
        List<Join> sorted = joins.stream()
                .sorted(Comparator.comparingInt(Join::seat)
                        .thenComparing(join -> join.replyTo().path().toString()))
                .toList();
        return java.util.stream.IntStream.range(0, sorted.size())
                .mapToObj(rank -> new Member(rank, sorted.get(rank)))
                .toList();
    }

    public ActorRef<WorkerCommand> commands() {
        return join.replyTo();
    }

    /** Steps behind the state that it came with; -1 if it came without. */
    public long held() {
        return join.completed();
    }

    /** As {@link #held}; -1 where it was in no generation since that one, in which all were rolled back: others trained another way on. */
    public long heldSince(int rolledBackIn) {
        return join.generation() > rolledBackIn ? held() : -1;
    }

    public Peer peer() {
        return new Peer(rank, join.nodeRank(), join.host(), join.address());
    }

    /** {@code rank 2 (pid 4711 on node-b)}. */
    public String describe() {
        return "rank %d (pid %d on %s)".formatted(rank, join.pid(), join.host());
    }
}
