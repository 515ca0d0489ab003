package tutti.common.shard;

import java.util.SplittableRandom;

/** The order of the samples in one epoch: a permutation of 0..count-1. */
final class EpochOrder {
    /** Odd constant of Weyl sequences (Steele et al. 2014), so that neighbouring epochs draw from far streams. */
    private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

    private EpochOrder() {}

    static int[] fileOrder(int count) {
        int[] order = new int[count];
        for (int i = 0; i < count; i++) {
            order[i] = i;
        }
        return order;
    }

    /** Fisher and Yates' shuffle, drawn from (seed, epoch) alone. */
    static int[] shuffled(int count, long seed, long epoch) {
        int[] order = fileOrder(count);
        SplittableRandom random = new SplittableRandom(seed + GOLDEN_GAMMA * (epoch + 1));
        for (int i = count - 1; i > 0; i--) {
            int j = random.nextInt(i + 1);
            int held = order[i];
            order[i] = order[j];
            order[j] = held;
        }
        return order;
    }
}
