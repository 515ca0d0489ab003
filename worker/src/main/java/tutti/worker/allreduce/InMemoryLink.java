package tutti.worker.allreduce;

import java.util.SplittableRandom;
import java.util.concurrent.ArrayBlockingQueue;
import org.agrona.concurrent.UnsafeBuffer;

/** One rank's end of an {@link InMemoryNetwork}. Frames already sent stay readable after the sender has closed. */
final class InMemoryLink implements ChunkLink {
    private final InMemoryNetwork network;
    private final int rank;
    private final SplittableRandom random;
    private final UnsafeBuffer view = new UnsafeBuffer(0, 0);

    InMemoryLink(InMemoryNetwork network, int rank, SplittableRandom random) {
        this.network = network;
        this.rank = rank;
        this.random = random;
    }

    @Override
    public int maxFrameBytes(int peer) {
        return network.maxFrameBytes();
    }

    @Override
    public Offer offer(int peer, int length, FrameWriter writer) {
        if (!network.isOpen(rank)) {
            return Offer.CLOSED;
        }
        if (!network.isOpen(peer)) {
            return Offer.NOT_CONNECTED;
        }
        ArrayBlockingQueue<byte[]> queue = network.queue(rank, peer);
        // This thread is the only writer, so room now is room below.
        if (queue.remainingCapacity() == 0 || random.nextInt(8) == 0) {
            return Offer.BACK_PRESSURE;
        }
        byte[] frame = new byte[length];
        view.wrap(frame);
        writer.write(view, 0, length);
        queue.add(frame);
        return Offer.SENT;
    }

    @Override
    public int poll(FrameReader reader, int limit) {
        int taken = 0;
        int first = random.nextInt(network.ranks());
        for (int k = 0; k < network.ranks() && taken < limit; k++) {
            taken += pollOne(network.queue((first + k) % network.ranks(), rank), reader, limit - taken);
        }
        return taken;
    }

    private int pollOne(ArrayBlockingQueue<byte[]> queue, FrameReader reader, int limit) {
        int wanted = 1 + random.nextInt(limit);
        int taken = 0;
        while (taken < wanted) {
            byte[] frame = queue.peek();
            if (frame == null) {
                break;
            }
            view.wrap(frame);
            if (!reader.onFrame(view, 0, frame.length)) {
                break;
            }
            queue.remove();
            taken++;
        }
        return taken;
    }

    @Override
    public void close() {
        network.setOpen(rank, false);
    }
}
