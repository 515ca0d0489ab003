package tutti.worker.allreduce;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ArrayBlockingQueue;

/**
 * The slow near twin of the wire: bounded queues between ranks that are threads of one process. What a real wire does by
 * chance it does by seed: sources are polled in random order, and an offer is refused one time in eight.
 */
public final class InMemoryNetwork {
    private final int ranks;
    private final int maxFrameBytes;
    private final long seed;
    private final List<ArrayBlockingQueue<byte[]>> queues = new ArrayList<>();
    private final boolean[] open;

    /** {@code depth} frames may wait between each ordered pair of ranks. */
    public InMemoryNetwork(int ranks, int depth, int maxFrameBytes, long seed) {
        this.ranks = ranks;
        this.maxFrameBytes = maxFrameBytes;
        this.seed = seed;
        open = new boolean[ranks];
        for (int i = 0; i < ranks * ranks; i++) {
            queues.add(new ArrayBlockingQueue<>(depth));
        }
    }

    /** Sixteen frames of up to 4 KiB between each pair. */
    public InMemoryNetwork(int ranks) {
        this(ranks, 16, 4096, 1);
    }

    /** The end of {@code rank}; until it is asked for, and after it is closed, peers are answered NOT_CONNECTED. */
    public ChunkLink link(int rank) {
        setOpen(rank, true);
        return new InMemoryLink(this, rank, new SplittableRandom(seed * 31 + rank));
    }

    int ranks() {
        return ranks;
    }

    int maxFrameBytes() {
        return maxFrameBytes;
    }

    ArrayBlockingQueue<byte[]> queue(int from, int to) {
        return queues.get(from * ranks + to);
    }

    synchronized boolean isOpen(int rank) {
        return open[rank];
    }

    synchronized void setOpen(int rank, boolean value) {
        open[rank] = value;
    }
}
