package tutti.common.checkpoint;

/**
 * Element types of safetensors files, by the names the files use. Numbers are little-endian. The packed types of less than
 * a byte (F4, F6_E2M3, F6_E3M2) are not read.
 */
public enum StoredDType {
    F64(8),
    F32(4),
    F16(2),
    BF16(2),
    F8_E4M3(1),
    F8_E5M2(1),
    F8_E8M0(1),
    C64(8),
    I64(8),
    U64(8),
    I32(4),
    U32(4),
    I16(2),
    U16(2),
    I8(1),
    U8(1),
    BOOL(1);

    private final int bytes;

    StoredDType(int bytes) {
        this.bytes = bytes;
    }

    /** Bytes of one element. */
    public int bytes() {
        return bytes;
    }

    /** True for the types that {@link FloatCodec} turns into F32. */
    public boolean isFloat() {
        return this == F64 || this == F32 || this == F16 || this == BF16;
    }
}
