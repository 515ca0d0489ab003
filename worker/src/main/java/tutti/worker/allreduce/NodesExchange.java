package tutti.worker.allreduce;

import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import java.util.function.Supplier;

/**
 * A collective over nodes of several ranks: in shared memory every node adds what its ranks contribute, frames carry one sum a node to
 * the owner of each part and the result back to each node, and shared memory hands it to all ranks there. So between nodes each
 * element travels twice, less 1/nodes, whatever the number of ranks on them.
 */
final class NodesExchange extends Exchange {
    private final Queue<Supplier<Exchange>> stages;
    private final Group group;
    private final Group neighbours;
    private Exchange stage;
    private long sentBefore;

    /**
     * @param stages each made when the one before has ended
     * @param group all ranks
     * @param neighbours the ranks of this node
     */
    NodesExchange(List<Supplier<Exchange>> stages, Group group, Group neighbours) {
        this.stages = new ArrayDeque<>(stages);
        this.group = group;
        this.neighbours = neighbours;
        this.stage = this.stages.remove().get();
    }

    @Override
    boolean done() {
        return stages.isEmpty() && stage.done();
    }

    @Override
    int advance() {
        if (stage.done() && !stages.isEmpty()) {
            sentBefore = sent(group);
            stage = stages.remove().get();
            return 1;
        }
        return stage.advance();
    }

    @Override
    int send(int peer, Wire wire) {
        return stage.send(peer, wire);
    }

    /** Frames of a node that is further wait in the link until this one is there too. */
    @Override
    Verdict accept(IncomingFrame frame) {
        return stage instanceof FramedExchange ? stage.accept(frame) : Verdict.LATER;
    }

    private boolean isIn(int peer) {
        return stage instanceof FramedExchange || 0 <= number(peer) && number(peer) < neighbours.worldSize();
    }

    private int number(int peer) {
        return stage instanceof FramedExchange ? peer : peer - neighbours.firstRank();
    }

    @Override
    long received(int peer, int kind) {
        return isIn(peer) ? stage.received(number(peer), kind) : 0;
    }

    @Override
    long expected(int peer, int kind) {
        return isIn(peer) ? stage.expected(number(peer), kind) : 0;
    }

    @Override
    long sent(int peer, int kind) {
        return isIn(peer) ? stage.sent(number(peer), kind) : 0;
    }

    @Override
    long sent(Group all) {
        return sentBefore + super.sent(all);
    }

    @Override
    long toSend(int peer, int kind) {
        return isIn(peer) ? stage.toSend(number(peer), kind) : 0;
    }
}
