package tutti.worker.allreduce;

import java.nio.ByteBuffer;
import java.util.List;
import org.agrona.BufferUtil;
import tutti.worker.tensor.DType;

/**
 * A short sum: every rank gets what every other contributes, whole and in one hop, and all add the same in the same order. Dearer in
 * bytes than parts, cheaper in time while a hop costs more than the bytes do.
 */
final class GatheredSum extends Exchange {
    private final Exchange gather;
    private final Collective what;
    private final ByteBuffer gathered;
    private final int rank;
    private final Lanes lanes;
    private final List<SumTree.Step> steps;
    private final long[] addresses;
    private boolean added;

    /**
     * @param gather of {@code ranks} times the length of the sum into {@code gathered}
     * @param gathered direct; the values of this rank are in their place already
     */
    GatheredSum(Exchange gather, Collective what, ByteBuffer gathered, int rank, int ranks, Lanes lanes) {
        this.gather = gather;
        this.what = what;
        this.gathered = gathered;
        this.rank = rank;
        this.lanes = lanes;
        this.steps = SumTree.steps(ranks, rank);
        this.addresses = new long[ranks];
    }

    @Override
    boolean done() {
        return added;
    }

    @Override
    int advance() {
        int moved = gather.advance();
        if (!gather.done() || added) {
            return moved;
        }
        int bytes = what.bytes();
        DType dtype = what.dtype();
        for (int lane = 0; lane < addresses.length; lane++) {
            addresses[lane] = BufferUtil.address(gathered) + (long) lane * bytes;
        }
        lanes.sum(steps, rank, addresses, bytes / dtype.bytes(), dtype);
        what.buffer().put(0, gathered, rank * bytes, bytes);
        added = true;
        return moved + 1;
    }

    @Override
    int send(int peer, Wire wire) {
        return gather.send(peer, wire);
    }

    @Override
    Verdict accept(IncomingFrame frame) {
        return gather.accept(frame);
    }

    @Override
    long received(int peer, int kind) {
        return gather.received(peer, kind);
    }

    @Override
    long expected(int peer, int kind) {
        return gather.expected(peer, kind);
    }

    @Override
    long sent(int peer, int kind) {
        return gather.sent(peer, kind);
    }

    @Override
    long toSend(int peer, int kind) {
        return gather.toSend(peer, kind);
    }
}
