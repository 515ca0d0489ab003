package tutti.common.checkpoint;

import java.util.List;

/**
 * One tensor of a safetensors file.
 *
 * @param shape empty for a scalar
 * @param begin first byte, counted from the end of the header
 * @param end one past the last byte, counted likewise
 */
public record TensorInfo(String name, StoredDType dtype, List<Long> shape, long begin, long end) {
    public TensorInfo {
        shape = List.copyOf(shape);
    }

    public long bytes() {
        return end - begin;
    }

    public long elements() {
        return bytes() / dtype.bytes();
    }

    /** Bytes that {@code shape} needs. Throws ArithmeticException past 2^63 - 1. */
    static long bytesOf(StoredDType dtype, List<Long> shape) {
        // A zero dimension makes the tensor empty, but the others still have to multiply without overflow.
        long elements = 1;
        for (long dimension : shape) {
            elements = Math.multiplyExact(elements, dimension);
        }
        return Math.multiplyExact(elements, (long) dtype.bytes());
    }
}
