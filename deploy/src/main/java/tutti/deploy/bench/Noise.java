package tutti.deploy.bench;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/** Tensors of seeded random numbers: products of zeros draw less power, so a core may run them faster than real ones. */
final class Noise {
    private static final int CHUNK = 1 << 20;
    /** Standard deviation: small enough that no kernel overflows however often it is called on its own output. */
    private static final double SCALE = 0.02;

    private final Kernels kernels;
    private final Random random = new Random(7);

    Noise(Kernels kernels) {
        this.kernels = kernels;
    }

    /** Fills a floating tensor; the same numbers for every dtype, rounded to it. */
    void fill(Tensor out) {
        DType master = kernels.masterDType();
        Shape chunk = Shape.of(Math.min(CHUNK, out.count()));
        try (Arena arena = kernels.arena("noise", Arena.bytesFor(master, chunk))) {
            Tensor numbers = arena.take("noise", master, chunk);
            ByteBuffer bytes =
                    ByteBuffer.allocateDirect((int) numbers.byteSize()).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < chunk.count(); i++) {
                double value = SCALE * random.nextGaussian();
                if (master == DType.F64) {
                    bytes.putDouble(i * DType.F64.bytes(), value);
                } else {
                    bytes.putFloat(i * DType.F32.bytes(), (float) value);
                }
            }
            numbers.write(bytes);
            Tensor flat = out.view(Shape.of(out.count()));
            // Beyond a chunk the numbers repeat, which no kernel notices.
            for (long at = 0; at < out.count(); at += chunk.count()) {
                long count = Math.min(chunk.count(), out.count() - at);
                kernels.copy(flat.rows(at, count), numbers.rows(0, count));
            }
        }
    }
}
