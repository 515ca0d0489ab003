package tutti.worker.tensor;

import java.nio.ByteBuffer;
import java.nio.DoubleBuffer;

/** code = 128 + round(127 x / s) with s the largest magnitude of the code's block. x, codes (n); scales (ceil(n / block)). */
final class Quantization {
    private static final int ZERO = 128;
    private static final int LEVELS = 127;

    private Quantization() {}

    static void quantize(ByteBuffer codes, DoubleBuffer scales, DoubleBuffer x, int block) {
        for (int from = 0; from < x.capacity(); from += block) {
            int to = Math.min(x.capacity(), from + block);
            double largest = 0;
            for (int i = from; i < to; i++) {
                largest = Math.max(largest, Math.abs(x.get(i)));
            }
            scales.put(from / block, largest);
            for (int i = from; i < to; i++) {
                double level = largest == 0 ? 0 : Math.rint(x.get(i) / largest * LEVELS);
                codes.put(i, (byte) (ZERO + (int) level));
            }
        }
    }

    static void dequantize(DoubleBuffer out, ByteBuffer codes, DoubleBuffer scales, int block) {
        for (int i = 0; i < out.capacity(); i++) {
            int level = Byte.toUnsignedInt(codes.get(i)) - ZERO;
            out.put(i, (double) level / LEVELS * scales.get(i / block));
        }
    }
}
