package tutti.worker.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.EnumMap;
import java.util.Map;

/**
 * An arena without memory: it only counts. Running the code that takes a run's tensors on it tells, before step 0, exactly how
 * many bytes a real arena needs and what for, since it is the same code.
 */
public final class PlanningArena implements Arena {
    private final Map<MemoryUse, Long> bytes;
    private final MemoryUse use;

    /** Counts as {@link MemoryUse#ACTIVATIONS} what is not taken through {@link #counting}. */
    public PlanningArena() {
        this(new EnumMap<>(MemoryUse.class), MemoryUse.ACTIVATIONS);
    }

    private PlanningArena(Map<MemoryUse, Long> bytes, MemoryUse use) {
        this.bytes = bytes;
        this.use = use;
    }

    @Override
    public Tensor take(String what, DType dtype, Shape shape) {
        bytes.merge(use, Arena.bytesFor(dtype, shape), Math::addExact);
        return new Phantom(dtype, shape);
    }

    @Override
    public PlanningArena counting(MemoryUse other) {
        return new PlanningArena(bytes, other);
    }

    @Override
    public long used() {
        return bytes.values().stream().mapToLong(Long::longValue).sum();
    }

    /** Bytes by use; uses for which nothing was taken are absent. */
    public Map<MemoryUse, Long> byUse() {
        return Map.copyOf(bytes);
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
