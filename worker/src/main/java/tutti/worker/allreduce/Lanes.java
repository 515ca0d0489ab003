package tutti.worker.allreduce;

import java.nio.ByteBuffer;
import java.util.List;
import org.agrona.BufferUtil;
import tutti.worker.tensor.Addition;
import tutti.worker.tensor.DType;

/**
 * Adds what several ranks contribute to the same elements, in the order of {@link SumTree}. F32 and F64 add where they lie; BF16, and
 * F32 that comes as BF16, is added in float32, in memory of its own, and rounded once. Touched by one thread at a time.
 */
final class Lanes {
    /** Below so many elements a call of a library costs more than it saves. */
    private static final int SHORT = 2048;
    /** Elements of a pass: a few lanes of this length stay in the first cache level, many in the second. */
    static final int BLOCK = 4096;

    private final PlainAddition plain = new PlainAddition();
    private final Addition fast;
    private ByteBuffer wide = ByteBuffer.allocateDirect(0);

    /** @param fast for long lanes */
    Lanes(Addition fast) {
        this.fast = fast;
    }

    /** Bytes that sums of BF16 take, or of what comes as that. */
    static long wideBytes(int lanes) {
        return (long) lanes * BLOCK * Float.BYTES;
    }

    /**
     * Leaves the sum in lane {@code keep}; the other lanes are used up.
     *
     * @param steps of the tree that keep this lane
     * @param addresses of the lanes, each of {@code count} elements
     */
    void sum(List<SumTree.Step> steps, int keep, long[] addresses, int count, DType dtype) {
        sum(steps, keep, addresses, count, dtype, dtype);
    }

    /**
     * As above, with other lanes than {@code keep} in the type that they came in.
     *
     * @param wire {@code dtype}, or BF16 for F32: then lane {@code keep} is rounded as the others have been, and so is the sum
     */
    void sum(List<SumTree.Step> steps, int keep, long[] addresses, int count, DType dtype, DType wire) {
        Addition addition = count < SHORT ? plain : fast;
        for (int from = 0; from < count; from += BLOCK) {
            int some = Math.min(BLOCK, count - from);
            if (wire == DType.BF16) {
                sumWide(steps, keep, addresses, from, some, dtype == DType.F32, addition);
            } else {
                long at = (long) from * dtype.bytes();
                for (SumTree.Step step : steps) {
                    addition.add(addresses[step.into()] + at, addresses[step.from()] + at, some, dtype);
                }
            }
        }
    }

    /** @param keepsWide lane {@code keep} is F32 */
    private void sumWide(
            List<SumTree.Step> steps,
            int keep,
            long[] addresses,
            long from,
            int count,
            boolean keepsWide,
            Addition addition) {
        if (wide.capacity() < wideBytes(addresses.length)) {
            wide = ByteBuffer.allocateDirect(Math.toIntExact(wideBytes(addresses.length)));
        }
        long start = BufferUtil.address(wide);
        long kept = addresses[keep] + from * (keepsWide ? Float.BYTES : Short.BYTES);
        for (int lane = 0; lane < addresses.length; lane++) {
            if (lane == keep && keepsWide) {
                Bfloat16.round(start + wideBytes(lane), kept, count);
            } else {
                Bfloat16.widen(start + wideBytes(lane), null, addresses[lane] + from * Short.BYTES, count);
            }
        }
        for (SumTree.Step step : steps) {
            addition.add(start + wideBytes(step.into()), start + wideBytes(step.from()), count, DType.F32);
        }
        if (keepsWide) {
            Bfloat16.round(kept, start + wideBytes(keep), count);
        } else {
            Bfloat16.narrow(null, kept, start + wideBytes(keep), count);
        }
    }
}
