package tutti.worker.allreduce;

import java.util.function.IntFunction;

class InMemoryCollectivesTest extends FramedCollectivesContract {
    private static final int MAX_FRAME = 1024;

    @Override
    protected IntFunction<ChunkLink> wire(int ranks, long seed) {
        // Few small frames: every window and every queue fills up and wraps many times.
        return new InMemoryNetwork(ranks, 5, MAX_FRAME, seed)::link;
    }

    @Override
    protected int frameBytes() {
        return MAX_FRAME - FrameLayout.HEADER;
    }
}
