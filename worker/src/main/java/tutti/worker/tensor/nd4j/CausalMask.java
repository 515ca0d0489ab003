package tutti.worker.tensor.nd4j;

import java.util.Arrays;
import org.bytedeco.javacpp.FloatPointer;

/** Zero where a query may look, -infinity at later keys; written by the host. Neighbouring segments of one size share a mask. */
final class CausalMask {
    private final Call call;
    private long address;
    private int queries;
    private int keys;
    private long room;

    CausalMask(Call call) {
        this.call = call;
    }

    /** The mask (T,S) of T queries whose last one is aligned with the last of S keys; valid until the next is asked for. */
    long of(int T, int S) {
        if (T == queries && S == keys) {
            return address;
        }
        if (room < (long) T * S) {
            room = (long) T * S;
            address = call.temporary(room);
        }
        float[] row = new float[S];
        for (int t = 0; t < T; t++) {
            Arrays.fill(row, 0, S - T + t + 1, 0);
            Arrays.fill(row, S - T + t + 1, S, Float.NEGATIVE_INFINITY);
            new FloatPointer(new Block.At(address + (long) t * S * Float.BYTES, S)).put(row, 0, S);
        }
        queries = T;
        keys = S;
        return address;
    }
}
