package tutti.common.shard;

import java.util.Arrays;
import java.util.SplittableRandom;

/** In which order the samples of an epoch are used. */
public enum EpochOrder {
    /** As they are numbered, in every epoch. */
    FILE {
        @Override
        int[] of(int count, int globalBatch, long seed, long epoch) {
            return fileOrder(count);
        }
    },
    SHUFFLED {
        @Override
        int[] of(int count, int globalBatch, long seed, long epoch) {
            return shuffled(count, seed, epoch);
        }
    },
    /** Of samples that are numbered by ascending length: those of a global batch are of like length. */
    LENGTH_GROUPED {
        @Override
        int[] of(int count, int globalBatch, long seed, long epoch) {
            return lengthGrouped(count, globalBatch, seed, epoch);
        }
    };

    /** Odd constant of Weyl sequences (Steele et al. 2014), so that neighbouring epochs draw from far streams. */
    private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;
    /** Global batches of a megabatch, as in Hugging Face's LengthGroupedSampler; fewer where an epoch has not four times as many. */
    private static final long MEGABATCH = 50;

    /** A permutation of 0..count-1. */
    abstract int[] of(int count, int globalBatch, long seed, long epoch);

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
            swap(order, i, random.nextInt(i + 1));
        }
        return order;
    }

    /** The longest sample comes first of all: what does not fit in memory fails at once. */
    private static int[] lengthGrouped(int count, int globalBatch, long seed, long epoch) {
        int[] order = shuffled(count, seed, epoch);
        long batches = Math.max(1, Math.min(count / (4L * globalBatch), MEGABATCH));
        int longest = 0;
        for (long from = 0; from < count; from += batches * globalBatch) {
            int first = (int) from;
            int end = (int) Math.min(count, from + batches * globalBatch);
            Arrays.sort(order, first, end);
            for (int low = first, high = end - 1; low < high; low++, high--) {
                swap(order, low, high);
            }
            longest = order[first] > order[longest] ? first : longest;
        }
        swap(order, 0, longest);
        return order;
    }

    private static void swap(int[] order, int i, int j) {
        int held = order[i];
        order[i] = order[j];
        order[j] = held;
    }
}
