package tutti.worker.allreduce;

import java.util.Optional;
import java.util.function.IntFunction;
import tutti.common.protocol.GradientKey;

/** As {@link InMemoryCollectivesTest}, with a key. */
class SignedCollectivesTest extends FramedCollectivesContract {
    private static final int MAX_FRAME = 1024;
    private static final Optional<GradientKey> KEY = Optional.of(GradientKey.random());

    @Override
    protected IntFunction<ChunkLink> wire(int ranks, long seed) {
        return new InMemoryNetwork(ranks, 5, MAX_FRAME, seed)::link;
    }

    @Override
    protected Optional<GradientKey> key() {
        return KEY;
    }

    @Override
    protected int frameBytes() {
        return MAX_FRAME - FrameLayout.HEADER - FrameLayout.SIGNATURE;
    }
}
