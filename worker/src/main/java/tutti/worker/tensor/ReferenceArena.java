package tutti.worker.tensor;

import java.nio.ByteBuffer;
import tutti.common.error.TuttiException;

/** One direct buffer, zeroed by the JVM. The garbage collector frees it once the arena and its tensors are unreachable. */
final class ReferenceArena implements Arena {
    private final String name;
    private final long capacity;
    private ByteBuffer memory;
    private long used;

    ReferenceArena(String name, long bytes) {
        TuttiException.require(
                bytes >= 0 && bytes <= Integer.MAX_VALUE - ALIGNMENT,
                "arena %s: bytes=%d, but the reference backend holds less than 2 GiB; use --backend torch",
                name,
                bytes);
        this.name = name;
        this.capacity = bytes;
        this.memory = ByteBuffer.allocateDirect((int) bytes + ALIGNMENT).alignedSlice(ALIGNMENT);
    }

    /** In {@code memory}, which is zeroed and aligned. */
    ReferenceArena(String name, ByteBuffer memory) {
        this.name = name;
        this.capacity = memory.capacity();
        this.memory = memory;
    }

    @Override
    public Tensor take(String what, DType dtype, Shape shape) {
        long bytes = Checks.take(name, what, dtype, shape, memory != null, used, capacity);
        ByteBuffer slice = memory.slice((int) used, (int) shape.count() * dtype.bytes());
        used += bytes;
        return new ReferenceTensor(dtype, shape, slice);
    }

    @Override
    public long used() {
        return used;
    }

    @Override
    public long capacity() {
        return capacity;
    }

    @Override
    public void close() {
        memory = null;
    }
}
