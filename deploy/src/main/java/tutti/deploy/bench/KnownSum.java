package tutti.deploy.bench;

import static tutti.common.error.TuttiException.bug;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/** Whole numbers whose sum over all ranks is known and exact in float32, so that an all-reduce can be held to it. */
record KnownSum(int rank, int worldSize) {
    /** Most ranks whose sums float32 still tells apart. */
    static final int MOST_RANKS = 256;
    /** A prime: whole chunks or stripes that come to a wrong place do not fit there. */
    private static final int PERIOD = 251;

    /** Writes what this rank contributes. */
    void fill(ByteBuffer data) {
        FloatBuffer numbers = floats(data);
        for (int i = 0; i < numbers.limit(); i++) {
            numbers.put(i, (rank + 1) * (1 + i % PERIOD));
        }
    }

    /** @throws tutti.common.error.TuttiException (bug) naming the first element that is not the sum over all ranks */
    void check(ByteBuffer data) {
        FloatBuffer numbers = floats(data);
        int ranks = worldSize * (worldSize + 1) / 2;
        for (int i = 0; i < numbers.limit(); i++) {
            float sum = ranks * (1 + i % PERIOD);
            if (numbers.get(i) != sum) {
                throw bug(
                        "all-reduce of bytes=%d is wrong on rank %d: element %d is %s, the sum over %d ranks is %s",
                        data.remaining(), rank, i, numbers.get(i), worldSize, sum);
            }
        }
    }

    private static FloatBuffer floats(ByteBuffer data) {
        return data.slice().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
    }
}
