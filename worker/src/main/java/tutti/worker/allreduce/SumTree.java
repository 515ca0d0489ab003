package tutti.worker.allreduce;

/**
 * The one order in which the values of n ranks are added, whoever arrives first.
 *
 * <p>n ranks split into the first {@link #split split(n)} and the rest, each half is summed by the same rule, then left +
 * right. Four: (g0+g1)+(g2+g3). Three: (g0+g1)+g2. Six: ((g0+g1)+(g2+g3))+(g4+g5). Seven:
 * ((g0+g1)+(g2+g3))+((g4+g5)+g6). Because the left side is always a power of two, every aligned block of 2^k ranks is a
 * subtree: a rank that first sums its own 2^k virtual ranks by this rule leaves the bits that 2^k times as many ranks would.
 *
 * <p>Bits are those of IEEE 754 addition; the payload bits of a NaN are the exception, the JIT may swap operands. Every rank
 * still gets the same ones, since one rank adds and sends.
 */
public final class SumTree {
    private SumTree() {}

    /** How many of {@code n} (2 or more) go left: the largest power of two below n. */
    public static int split(int n) {
        return Integer.highestOneBit(n - 1);
    }

    /** Sums {@code lanes[first..first+n-1][at..at+count-1]} into {@code lanes[first]}; the other lanes are used up. */
    static void sum(float[][] lanes, int first, int n, int at, int count) {
        if (n == 1) {
            return;
        }
        int left = split(n);
        sum(lanes, first, left, at, count);
        sum(lanes, first + left, n - left, at, count);
        add(lanes[first], lanes[first + left], at, count);
    }

    /** As for floats. */
    static void sum(double[][] lanes, int first, int n, int at, int count) {
        if (n == 1) {
            return;
        }
        int left = split(n);
        sum(lanes, first, left, at, count);
        sum(lanes, first + left, n - left, at, count);
        add(lanes[first], lanes[first + left], at, count);
    }

    // A loop this plain is what C2 turns into vector code; workers stop at C1 and add an element at a time.
    private static void add(float[] into, float[] other, int at, int count) {
        for (int i = at; i < at + count; i++) {
            into[i] += other[i];
        }
    }

    private static void add(double[] into, double[] other, int at, int count) {
        for (int i = at; i < at + count; i++) {
            into[i] += other[i];
        }
    }
}
