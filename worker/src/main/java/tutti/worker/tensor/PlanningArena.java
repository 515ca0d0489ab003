package tutti.worker.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * An arena without memory: it only counts. Running the code that takes a run's tensors on it tells, before step 0, exactly how
 * many bytes a real arena needs, since it is the same code.
 */
public final class PlanningArena implements Arena {
    private long used;

    @Override
    public Tensor take(String what, DType dtype, Shape shape) {
        used = Math.addExact(used, Arena.bytesFor(dtype, shape));
        return new Phantom(dtype, shape);
    }

    @Override
    public long used() {
        return used;
    }

    @Override
    public long capacity() {
        return Long.MAX_VALUE;
    }

    @Override
    public void close() {}

    /** Has a shape and no contents: what is written to its bytes is lost. */
    private static final class Phantom extends Tensor {
        Phantom(DType dtype, Shape shape) {
            super(dtype, shape);
        }

        @Override
        public Tensor rows(long from, long count) {
            return new Phantom(dtype(), shape().withRows(count));
        }

        @Override
        public Tensor view(Shape shape) {
            return new Phantom(dtype(), shape);
        }

        @Override
        public ByteBuffer bytes() {
            return ByteBuffer.allocate(Math.toIntExact(byteSize())).order(ByteOrder.LITTLE_ENDIAN);
        }
    }
}
