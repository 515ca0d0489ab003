package tutti.worker.tensor.nd4j;

import java.util.function.Supplier;
import org.nd4j.linalg.api.ndarray.INDArray;
import tutti.worker.tensor.Tensor;

/** Block-wise 8-bit codes, in float32: some whole blocks at a time, then the shorter last one. Shapes as in Kernels. */
final class Nd4jQuantization {
    private static final double ZERO = 128;
    private static final double LEVELS = 127;

    private Nd4jQuantization() {}

    static void quantize(Supplier<Call> calls, Tensor codes, Tensor scales, Tensor x, int block) {
        forEachPart(calls, codes, scales, x, block, (call, code, scale, values, rows, columns) -> {
            INDArray wide = call.matrix(call.read(values), rows, columns);
            INDArray level = call.matrix(call.temporary(rows * columns), rows, columns);
            Ops.abs(level, wide);
            long largest = call.target(scale);
            Ops.largestOfRows(call.vector(largest, rows), level);
            // 0 / 0 would be NaN: a block of zeros divides by the smallest float there is.
            INDArray divisor = call.matrix(call.temporary(rows), rows, 1);
            Ops.maximum(divisor, call.matrix(largest, rows, 1), call.scalar(Float.MIN_VALUE));
            Ops.divide(level, wide, divisor);
            Ops.multiply(level, level, call.scalar(LEVELS));
            Ops.round(level, level);
            Ops.add(level, level, call.scalar(ZERO));
            Ops.cast(call.array(code, rows, columns), level);
        });
    }

    static void dequantize(Supplier<Call> calls, Tensor out, Tensor codes, Tensor scales, int block) {
        forEachPart(calls, codes, scales, out, block, (call, code, scale, values, rows, columns) -> {
            long result = call.target(values);
            INDArray level = call.matrix(result, rows, columns);
            Ops.cast(level, call.array(code, rows, columns));
            Ops.subtract(level, level, call.scalar(ZERO));
            Ops.divide(level, level, call.scalar(LEVELS));
            Ops.multiply(level, level, call.matrix(call.read(scale), rows, 1));
            call.store(values, result);
        });
    }

    private static void forEachPart(
            Supplier<Call> calls, Tensor codes, Tensor scales, Tensor x, long block, Part part) {
        Tensor flatCodes = Nd4jKernels.flat(codes);
        Tensor flat = Nd4jKernels.flat(x);
        long n = x.count();
        long whole = n / block;
        long step = Math.max(1, Nd4jKernels.PIECE / block);
        for (long first = 0; first * block < n; ) {
            long rows = first == whole ? 1 : Math.min(step, whole - first);
            long from = first * block;
            long count = Math.min(rows * block, n - from);
            try (Call call = calls.get()) {
                part.run(
                        call,
                        flatCodes.rows(from, count),
                        scales.rows(first, rows),
                        flat.rows(from, count),
                        rows,
                        count / rows);
            }
            first += rows;
        }
    }

    /** Neighbouring blocks as the rows of a matrix: their codes, scales and values. */
    @FunctionalInterface
    private interface Part {
        void run(Call call, Tensor codes, Tensor scales, Tensor values, long rows, long columns);
    }
}
