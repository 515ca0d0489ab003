package tutti.worker.allreduce;

import org.agrona.UnsafeApi;

/**
 * Between float32 and bfloat16, its upper half: to the nearest, ties to the even one, infinities and the sign of zero as they are; a NaN
 * stays one. The bits are the same on every processor, and rounding what is rounded changes nothing.
 *
 * <p>Four elements at a time, in two registers of eight bytes: workers compile with C1 alone, which makes no vector code of a loop, and a
 * call of libtorch costs what some thousand elements take here, and leaves garbage. An address beside an array counts within that
 * array, as in {@code Unsafe}; beside null it is one in memory.
 */
final class Bfloat16 {
    private static final int SHIFT = 16;
    private static final int INFINITY = 0x7f800000;
    private static final int QUIET = 0x00400000;
    private static final int BELOW_HALF = 0x7fff;

    // The same for two elements in one register.
    private static final long EXPONENTS = 0x7f800000_7f800000L;
    private static final long LEAST_EXPONENTS = 0x00800000_00800000L;
    private static final long SIGNS = 0x80000000_80000000L;
    private static final long BELOW_HALVES = 0x00007fff_00007fffL;
    private static final long ONES = 0x00000001_00000001L;
    private static final long UPPER_HALVES = 0xffff0000_ffff0000L;
    /** The first of the four halves of a register. */
    private static final long FIRST = 0xffff;

    private Bfloat16() {}

    /**
     * {@code into[i] = bfloat16(wide[i])}.
     *
     * @param wide outside of what is written
     */
    static void narrow(byte[] array, long into, long wide, int count) {
        int fours = count & -4;
        long end = wide + (long) fours * Float.BYTES;
        long special = 0;
        long to = into;
        for (long from = wide; from < end; from += 2 * Long.BYTES, to += Long.BYTES) {
            long low = UnsafeApi.getLong(from);
            long high = UnsafeApi.getLong(from + Long.BYTES);
            special |= (low & EXPONENTS) + LEAST_EXPONENTS | (high & EXPONENTS) + LEAST_EXPONENTS;
            low = roundedPair(low);
            high = roundedPair(high);
            UnsafeApi.putLong(
                    array,
                    to,
                    low >>> SHIFT & FIRST
                            | low >>> 2 * SHIFT & FIRST << SHIFT
                            | high << SHIFT & FIRST << 2 * SHIFT
                            | high & FIRST << 3 * SHIFT);
        }
        // An infinity or a NaN among them, which may have carried into its neighbour: again, one by one.
        for (int i = (special & SIGNS) == 0 ? fours : 0; i < count; i++) {
            int bits = rounded(UnsafeApi.getInt(wide + (long) i * Float.BYTES));
            UnsafeApi.putShort(array, into + (long) i * Short.BYTES, (short) (bits >>> SHIFT));
        }
    }

    /** {@code into[i] = narrow[i]}: exact. */
    static void widen(long into, byte[] array, long narrow, int count) {
        int fours = count & -4;
        long end = narrow + (long) fours * Short.BYTES;
        long to = into;
        for (long from = narrow; from < end; from += Long.BYTES, to += 2 * Long.BYTES) {
            long packed = UnsafeApi.getLong(array, from);
            UnsafeApi.putLong(to, packed << SHIFT & FIRST << SHIFT | packed << 2 * SHIFT & FIRST << 3 * SHIFT);
            UnsafeApi.putLong(to + Long.BYTES, packed >>> SHIFT & FIRST << SHIFT | packed & FIRST << 3 * SHIFT);
        }
        for (int i = fours; i < count; i++) {
            int bits = UnsafeApi.getShort(array, narrow + (long) i * Short.BYTES) << SHIFT;
            UnsafeApi.putInt(into + (long) i * Float.BYTES, bits);
        }
    }

    /**
     * {@code into[i] = float32(bfloat16(wide[i]))}.
     *
     * @param wide outside of what is written
     */
    static void round(long into, long wide, int count) {
        int fours = count & -4;
        long end = wide + (long) fours * Float.BYTES;
        long special = 0;
        long to = into;
        for (long from = wide; from < end; from += 2 * Long.BYTES, to += 2 * Long.BYTES) {
            long low = UnsafeApi.getLong(from);
            long high = UnsafeApi.getLong(from + Long.BYTES);
            special |= (low & EXPONENTS) + LEAST_EXPONENTS | (high & EXPONENTS) + LEAST_EXPONENTS;
            UnsafeApi.putLong(to, roundedPair(low) & UPPER_HALVES);
            UnsafeApi.putLong(to + Long.BYTES, roundedPair(high) & UPPER_HALVES);
        }
        for (int i = (special & SIGNS) == 0 ? fours : 0; i < count; i++) {
            int bits = rounded(UnsafeApi.getInt(wide + (long) i * Float.BYTES));
            UnsafeApi.putInt(into + (long) i * Float.BYTES, bits & (int) UPPER_HALVES);
        }
    }

    /** In the upper half of each; neither is infinite or a NaN. */
    private static long roundedPair(long pair) {
        return pair + BELOW_HALVES + (pair >>> SHIFT & ONES);
    }

    /** In the upper half. */
    private static int rounded(int bits) {
        boolean nan = (bits & Integer.MAX_VALUE) > INFINITY;
        return nan ? bits | QUIET : bits + BELOW_HALF + (bits >>> SHIFT & 1);
    }
}
