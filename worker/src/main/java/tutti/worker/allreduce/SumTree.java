package tutti.worker.allreduce;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The one order in which the values of n ranks are added, whoever arrives first.
 *
 * <p>n ranks split into the first {@link #split split(n)} and the rest, each half is summed by the same rule, then left +
 * right. Four: (g0+g1)+(g2+g3). Three: (g0+g1)+g2. Six: ((g0+g1)+(g2+g3))+(g4+g5). Seven:
 * ((g0+g1)+(g2+g3))+((g4+g5)+g6). Because the left side is always a power of two, every aligned block of 2^k ranks is a
 * subtree: a rank that first sums its own 2^k virtual ranks by this rule, or a node its 2^k ranks, leaves the bits that 2^k times
 * as many contributors would.
 *
 * <p>Bits are those of IEEE 754 addition; the payload bits of a NaN are the exception. Every rank still gets the same ones, since
 * one rank adds and sends, or all add in the same way.
 */
public final class SumTree {
    /** {@code lane[into] += lane[from]}; which of the two is left does not matter to the bits. */
    record Step(int into, int from) {}

    private SumTree() {}

    /** How many of {@code n} (2 or more) go left: the largest power of two below n. */
    public static int split(int n) {
        return Integer.highestOneBit(n - 1);
    }

    /** Are ranks {@code first .. first+size-1} of {@code n} added among themselves before anything else is? */
    static boolean isSubtree(int n, int first, int size) {
        if (first == 0 && size == n) {
            return true;
        }
        if (n <= 1) {
            return false;
        }
        int left = split(n);
        if (first + size <= left) {
            return isSubtree(left, first, size);
        }
        return first >= left && isSubtree(n - left, first - left, size);
    }

    /** Of a lane for each of {@code ranks}. */
    static List<Step> steps(int ranks, int keep) {
        int[] ones = new int[ranks];
        Arrays.fill(ones, 1);
        return steps(ones, keep);
    }

    /**
     * The additions that leave the sum of all lanes in lane {@code keep}, in their order. Other lanes are used up.
     *
     * @param sizes ranks whose sum each lane holds already: blocks that are subtrees, in rank order
     */
    static List<Step> steps(int[] sizes, int keep) {
        int ranks = 0;
        for (int size : sizes) {
            ranks += size;
        }
        List<Step> steps = new ArrayList<>();
        add(sizes, 0, ranks, keep, steps);
        return List.copyOf(steps);
    }

    /** Sums {@code n} ranks, the first of which begins lane {@code lane}. @return the lane where their sum lies */
    private static int add(int[] sizes, int lane, int n, int keep, List<Step> steps) {
        if (sizes[lane] == n) {
            return lane;
        }
        int split = split(n);
        int right = lane;
        for (int covered = 0; covered < split; covered += sizes[right++]) {
            // Counts the lanes on the left.
        }
        int leftSum = add(sizes, lane, split, keep, steps);
        int rightSum = add(sizes, right, n - split, keep, steps);
        Step step = rightSum == keep ? new Step(rightSum, leftSum) : new Step(leftSum, rightSum);
        steps.add(step);
        return step.into();
    }
}
