package tutti.worker.allreduce;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.SplittableRandom;
import tutti.worker.tensor.DType;

/** The twin: one thread, whole arrays, the tree of the documentation written down once more. */
final class NaiveSum {
    private NaiveSum() {}

    /** Values of very different size, so that another order of additions gives other bits. */
    static ByteBuffer values(long seed, int rank, int elements, DType dtype) {
        SplittableRandom random = new SplittableRandom(seed * 1_000_003 + rank);
        ByteBuffer buffer = ByteBuffer.allocateDirect(elements * dtype.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < elements; i++) {
            double value = (random.nextDouble() - 0.5) * Math.scalb(1.0, random.nextInt(24));
            if (dtype == DType.F32) {
                buffer.putFloat((float) value);
            } else {
                buffer.putDouble(value);
            }
        }
        return buffer.flip();
    }

    static byte[] expected(long seed, int ranks, int elements, DType dtype) {
        ByteBuffer[] all = new ByteBuffer[ranks];
        for (int rank = 0; rank < ranks; rank++) {
            all[rank] = values(seed, rank, elements, dtype);
        }
        ByteBuffer sums = ByteBuffer.allocate(elements * dtype.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < elements; i++) {
            if (dtype == DType.F32) {
                sums.putFloat(sumFloats(all, 0, ranks, i));
            } else {
                sums.putDouble(sumDoubles(all, 0, ranks, i));
            }
        }
        return sums.array();
    }

    static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(buffer.position(), bytes);
        return bytes;
    }

    private static float sumFloats(ByteBuffer[] all, int first, int n, int i) {
        if (n == 1) {
            return all[first].getFloat(i * Float.BYTES);
        }
        int left = left(n);
        return sumFloats(all, first, left, i) + sumFloats(all, first + left, n - left, i);
    }

    private static double sumDoubles(ByteBuffer[] all, int first, int n, int i) {
        if (n == 1) {
            return all[first].getDouble(i * Double.BYTES);
        }
        int left = left(n);
        return sumDoubles(all, first, left, i) + sumDoubles(all, first + left, n - left, i);
    }

    private static int left(int n) {
        int left = 1;
        while (left * 2 < n) {
            left *= 2;
        }
        return left;
    }
}
