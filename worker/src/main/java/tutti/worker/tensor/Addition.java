package tutti.worker.tensor;

/** Adds floats in the host's memory, on whichever thread calls. The sums are those of IEEE 754, so any implementation gives the same bits. */
@FunctionalInterface
public interface Addition {
    /**
     * {@code into[i] += other[i]}.
     *
     * @param into address of {@code count} native elements, as is {@code other}; the caller keeps both alive
     * @param dtype F32 or F64
     */
    void add(long into, long other, int count, DType dtype);
}
