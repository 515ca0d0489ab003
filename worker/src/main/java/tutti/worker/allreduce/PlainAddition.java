package tutti.worker.allreduce;

import java.nio.ByteOrder;
import org.agrona.UnsafeApi;
import tutti.common.error.TuttiException;
import tutti.worker.tensor.Addition;
import tutti.worker.tensor.DType;

/** An element at a time: for backends that bring no addition, and for sums so short that a call of a library costs more. */
public final class PlainAddition implements Addition {
    private static final int BF16_SHIFT = 16;
    private static final int INFINITY = 0x7f800000;
    private static final int QUIET = 0x00400000;

    public PlainAddition() {
        if (ByteOrder.nativeOrder() != FrameLayout.ORDER) {
            throw TuttiException.environment("this processor is big-endian; gradients are little-endian");
        }
    }

    @Override
    public void add(long into, long other, int count, DType dtype) {
        if (dtype == DType.F64) {
            for (long at = 0; at < (long) count * Double.BYTES; at += Double.BYTES) {
                UnsafeApi.putDouble(into + at, UnsafeApi.getDouble(into + at) + UnsafeApi.getDouble(other + at));
            }
        } else {
            for (long at = 0; at < (long) count * Float.BYTES; at += Float.BYTES) {
                UnsafeApi.putFloat(into + at, UnsafeApi.getFloat(into + at) + UnsafeApi.getFloat(other + at));
            }
        }
    }

    @Override
    public void widen(long into, long narrow, int count) {
        for (int i = 0; i < count; i++) {
            int bits = UnsafeApi.getShort(narrow + (long) i * Short.BYTES) << BF16_SHIFT;
            UnsafeApi.putInt(into + (long) i * Float.BYTES, bits);
        }
    }

    @Override
    public void round(long into, long wide, int count) {
        for (int i = 0; i < count; i++) {
            int bits = UnsafeApi.getInt(wide + (long) i * Float.BYTES);
            UnsafeApi.putShort(into + (long) i * Short.BYTES, (short) (rounded(bits) >>> BF16_SHIFT));
        }
    }

    /** Nearest, ties to even, in the upper half; a NaN stays one. */
    private static int rounded(int bits) {
        boolean nan = (bits & Integer.MAX_VALUE) > INFINITY;
        return nan ? bits | QUIET : bits + 0x7fff + (bits >>> BF16_SHIFT & 1);
    }
}
