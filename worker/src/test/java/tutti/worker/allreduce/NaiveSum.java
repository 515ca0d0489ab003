package tutti.worker.allreduce;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
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
            switch (dtype) {
                case F32 -> buffer.putFloat((float) value);
                case BF16 -> buffer.putShort(bf16((float) value));
                default -> buffer.putDouble(value);
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
            switch (dtype) {
                case F32 -> sums.putFloat(sumFloats(all, 0, ranks, i, NaiveSum::readFloat));
                case BF16 -> sums.putShort(bf16(sumFloats(all, 0, ranks, i, NaiveSum::readBf16)));
                default -> sums.putDouble(sumDoubles(all, 0, ranks, i));
            }
        }
        return sums.array();
    }

    /**
     * Of F32 that travels as BF16: the sum of each group of ranks is rounded, and the sum of those.
     *
     * @param groups how many ranks each has, in rank order; one of all ranks sends nothing
     */
    static byte[] expectedNarrowed(long seed, int[] groups, int elements) {
        int ranks = IntStream.of(groups).sum();
        if (groups.length == 1) {
            return expected(seed, ranks, elements, DType.F32);
        }
        ByteBuffer[] all = new ByteBuffer[ranks];
        for (int rank = 0; rank < ranks; rank++) {
            all[rank] = values(seed, rank, elements, DType.F32);
        }
        ByteBuffer sums = ByteBuffer.allocate(elements * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < elements; i++) {
            sums.putFloat(rounded(sumRounded(all, groups, 0, ranks, i)));
        }
        return sums.array();
    }

    private static float sumRounded(ByteBuffer[] all, int[] groups, int first, int n, int i) {
        int start = 0;
        for (int size : groups) {
            if (start == first && size == n) {
                return rounded(sumFloats(all, first, n, i, NaiveSum::readFloat));
            }
            start += size;
        }
        int left = left(n);
        return sumRounded(all, groups, first, left, i) + sumRounded(all, groups, first + left, n - left, i);
    }

    private static float rounded(float value) {
        return Float.intBitsToFloat(bf16(value) << 16);
    }

    static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(buffer.position(), bytes);
        return bytes;
    }

    private static float readFloat(ByteBuffer values, int i) {
        return values.getFloat(i * Float.BYTES);
    }

    private static float readBf16(ByteBuffer values, int i) {
        return Float.intBitsToFloat(values.getShort(i * Short.BYTES) << 16);
    }

    /** By the definition: of the two neighbours the nearer one, of two equally near the even one. */
    private static short bf16(float value) {
        int below = Float.floatToRawIntBits(value) >>> 16;
        double low = Math.abs((double) Float.intBitsToFloat(below << 16) - value);
        double high = Math.abs((double) Float.intBitsToFloat(below + 1 << 16) - value);
        boolean up = high < low || high == low && (below & 1) == 1;
        return (short) (up ? below + 1 : below);
    }

    private interface Reader {
        float read(ByteBuffer values, int i);
    }

    private static float sumFloats(ByteBuffer[] all, int first, int n, int i, Reader reader) {
        if (n == 1) {
            return reader.read(all[first], i);
        }
        int left = left(n);
        return sumFloats(all, first, left, i, reader) + sumFloats(all, first + left, n - left, i, reader);
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
