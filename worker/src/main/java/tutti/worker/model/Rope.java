package tutti.worker.model;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/** Tables of cos and sin of position * theta^(-2d/D), each (P,D/2) of the master dtype. */
record Rope(Tensor cos, Tensor sin) {

    static Rope of(Arena arena, DType master, LlamaConfig c, int positions) {
        int half = c.headDim() / 2;
        Tensor cos = arena.take("rope cos", master, Shape.of(positions, half));
        Tensor sin = arena.take("rope sin", master, Shape.of(positions, half));
        ByteBuffer cosRow = row(half, master);
        ByteBuffer sinRow = row(half, master);
        for (int p = 0; p < positions; p++) {
            for (int d = 0; d < half; d++) {
                double angle = p * Math.pow(c.ropeTheta(), -2.0 * d / c.headDim());
                put(cosRow, master, d, Math.cos(angle));
                put(sinRow, master, d, Math.sin(angle));
            }
            cos.rows(p, 1).write(cosRow.rewind());
            sin.rows(p, 1).write(sinRow.rewind());
        }
        return new Rope(cos, sin);
    }

    private static ByteBuffer row(int elements, DType dtype) {
        return ByteBuffer.allocateDirect(elements * dtype.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static void put(ByteBuffer row, DType dtype, int index, double value) {
        if (dtype == DType.F64) {
            row.putDouble(index * Double.BYTES, value);
        } else {
            row.putFloat(index * Float.BYTES, (float) value);
        }
    }
}
