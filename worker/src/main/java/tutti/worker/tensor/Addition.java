package tutti.worker.tensor;

/**
 * Adds floats in the host's memory, on whichever thread calls, one thread at a time. Results are those of IEEE 754, so any
 * implementation gives the same bits. Addresses are of {@code count} native elements each, which the caller keeps alive.
 */
public interface Addition {
    /**
     * {@code into[i] += other[i]}.
     *
     * @param dtype F32 or F64
     */
    void add(long into, long other, int count, DType dtype);
}
