package tutti.worker.allreduce;

import java.nio.ByteOrder;
import org.agrona.UnsafeApi;
import tutti.common.error.TuttiException;
import tutti.worker.tensor.Addition;
import tutti.worker.tensor.DType;

/** An element at a time: for backends that bring no addition, and for sums so short that a call of a library costs more. */
public final class PlainAddition implements Addition {
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
}
