package tutti.worker.tensor;

/**
 * One block of device memory, handed out once and freed whole. Everything a run needs is taken before step 0, so a step
 * allocates nothing. Not thread-safe.
 */
public interface Arena extends AutoCloseable {
    /** Alignment of every tensor in bytes: one cache line, one AVX-512 register. */
    int ALIGNMENT = 64;

    /**
     * Takes a zero-filled tensor.
     *
     * @param what named in the error when the arena is too small
     * @throws tutti.common.error.TuttiException (bug) if the plan was too small; (environment) if memory is short
     */
    Tensor take(String what, DType dtype, Shape shape);

    /** This arena, but a plan counts what is taken through it as {@code use}; a real arena has no need to. */
    default Arena counting(MemoryUse use) {
        return this;
    }

    /** Bytes handed out so far, alignment included. */
    long used();

    long capacity();

    @Override
    void close();

    /** Bytes that {@link #take} uses for one tensor. */
    static long bytesFor(DType dtype, Shape shape) {
        long raw = Math.multiplyExact(shape.count(), (long) dtype.bytes());
        return Math.addExact(raw, ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
}
