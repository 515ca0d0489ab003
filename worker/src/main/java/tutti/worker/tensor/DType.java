package tutti.worker.tensor;

/** Element types. Floating types are IEEE 754 except BF16, the upper half of a float32 (round to nearest, ties to even). */
public enum DType {
    F64(8),
    F32(4),
    BF16(2),
    I64(8),
    I32(4),
    U8(1);

    private final int bytes;

    DType(int bytes) {
        this.bytes = bytes;
    }

    /** Bytes of one element. */
    public int bytes() {
        return bytes;
    }
}
