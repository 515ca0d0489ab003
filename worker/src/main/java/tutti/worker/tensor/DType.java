package tutti.worker.tensor;

/** Element types. Floating types are IEEE 754 except BF16, the upper half of a float32 (round to nearest, ties to even). */
public enum DType {
    F64(8, true),
    F32(4, true),
    BF16(2, true),
    I64(8, false),
    I32(4, false),
    U8(1, false);

    private final int bytes;
    private final boolean floating;

    DType(int bytes, boolean floating) {
        this.bytes = bytes;
        this.floating = floating;
    }

    /** Bytes of one element. */
    public int bytes() {
        return bytes;
    }

    public boolean floating() {
        return floating;
    }
}
