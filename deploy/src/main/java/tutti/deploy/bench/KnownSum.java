package tutti.deploy.bench;

import static tutti.common.error.TuttiException.bug;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import tutti.common.checkpoint.FloatCodec;
import tutti.common.config.AllReduceConfig.ReduceDType;

/**
 * Whole numbers whose sum over all ranks is known and exact in float32, so that an all-reduce can be held to it; rounded as often as it
 * was, if each rank is a node and bfloat16 travels.
 */
record KnownSum(int rank, int worldSize, ReduceDType reduceDType) {
    /** Most ranks whose sums float32 still tells apart. */
    static final int MOST_RANKS = 256;
    /** A prime: whole chunks or stripes that come to a wrong place do not fit there. */
    private static final int PERIOD = 251;

    /** Writes what this rank contributes. */
    void fill(ByteBuffer data) {
        FloatBuffer numbers = floats(data);
        for (int i = 0; i < numbers.limit(); i++) {
            numbers.put(i, number(rank, i));
        }
    }

    /** @throws tutti.common.error.TuttiException (bug) naming the first element that is not the sum over all ranks */
    void check(ByteBuffer data) {
        FloatBuffer numbers = floats(data);
        float[] sums = sums();
        for (int i = 0; i < numbers.limit(); i++) {
            float sum = sums[i % PERIOD];
            if (numbers.get(i) != sum) {
                throw bug(
                        "all-reduce of bytes=%d is wrong on rank %d: element %d is %s, the sum over %d ranks is %s",
                        data.remaining(), rank, i, numbers.get(i), worldSize, sum);
            }
        }
    }

    private float[] sums() {
        float[] sums = new float[PERIOD];
        for (int i = 0; i < PERIOD; i++) {
            for (int peer = 0; peer < worldSize; peer++) {
                sums[i] += carried(number(peer, i));
            }
            sums[i] = carried(sums[i]);
        }
        return sums;
    }

    private static float number(int rank, int i) {
        return (rank + 1) * (1 + i % PERIOD);
    }

    private float carried(float value) {
        return reduceDType == ReduceDType.BFLOAT16 ? FloatCodec.bf16ToF32(FloatCodec.f32ToBf16(value)) : value;
    }

    private static FloatBuffer floats(ByteBuffer data) {
        return data.slice().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
    }
}
