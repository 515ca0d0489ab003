package tutti.worker.tensor;

import java.nio.ByteBuffer;

/** Draws which elements survive dropout: element i by a counter-based hash of (seed, i), so any backend and any order agree. */
public final class DropoutMask {
    private static final double UNIT = 0x1.0p-53;
    private static final long GOLDEN = 0x9e3779b97f4a7c15L;

    private DropoutMask() {}

    /**
     * Overwrites the U8 tensor {@code mask} with 0 (share p) and 1.
     *
     * @param seed another for every use in a run
     */
    public static void draw(Tensor mask, double p, long seed) {
        int count = Math.toIntExact(Checks.dtype("dropout mask", mask, DType.U8).count());
        ByteBuffer host = ByteBuffer.allocateDirect(count);
        for (int i = 0; i < count; i++) {
            host.put(i, (byte) ((mix(seed + (i + 1) * GOLDEN) >>> 11) * UNIT < p ? 0 : 1));
        }
        mask.write(host);
    }

    /** SplitMix64's finalizer (Steele, Lea and Flood 2014). */
    private static long mix(long z) {
        long a = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        long b = (a ^ (a >>> 27)) * 0x94d049bb133111ebL;
        return b ^ (b >>> 31);
    }
}
