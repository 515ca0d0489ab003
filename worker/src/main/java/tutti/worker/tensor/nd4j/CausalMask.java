package tutti.worker.tensor.nd4j;

import java.util.Arrays;
import org.bytedeco.javacpp.FloatPointer;
import tutti.worker.tensor.Segments;

/** Zero where a query may look, -infinity at later keys; written by the host. Neighbouring segments of one size share a mask. */
final class CausalMask {
    private final long address;
    private int queries;
    private int keys;

    /** Takes memory once, for the largest mask that these segments need. */
    CausalMask(Call call, Segments segments) {
        long room = 0;
        for (int s = 0; s < segments.count(); s++) {
            if (isNeeded(segments.queries(s))) {
                room = Math.max(room, (long) segments.queries(s) * segments.keys(s));
            }
        }
        address = call.temporary(room);
    }

    /** One query may look at all keys. */
    static boolean isNeeded(int T) {
        return T > 1;
    }

    /** The mask (T,S) of T queries whose last one is aligned with the last of S keys; valid until the next is asked for. */
    long of(int T, int S) {
        if (T == queries && S == keys) {
            return address;
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
