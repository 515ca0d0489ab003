package tutti.common.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import tutti.common.error.TuttiException;

/**
 * Casts between stored floating types, little-endian on both sides. Widening is exact; narrowing rounds to nearest, ties to
 * even, as PyTorch does.
 */
public final class FloatCodec {
    /** What PyTorch's vector code writes for every NaN; its scalar code writes 0x7FC0. Both read back as NaN. */
    private static final short BF16_NAN = (short) 0xFFFF;

    private static final int F16_INFINITY = 0x7C00;
    private static final int F16_NAN = 0x7E00;

    private FloatCodec() {}

    /** Takes all of {@code from} and puts as many F32 into {@code to}; both positions move. F64 rounds, the rest is exact. */
    public static void toF32(StoredDType dtype, ByteBuffer from, ByteBuffer to) {
        int elements = from.remaining() / dtype.bytes();
        if (!dtype.isFloat() || from.remaining() % dtype.bytes() != 0 || to.remaining() < elements * Float.BYTES) {
            throw TuttiException.bug(
                    "cast of %d bytes of %s to F32 with room for %d bytes", from.remaining(), dtype, to.remaining());
        }
        ByteBuffer in = from.slice().order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer out = to.slice().order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < elements; i++) {
            float value = switch (dtype) {
                case F32 -> in.getFloat(i * 4);
                case BF16 -> bf16ToF32(in.getShort(i * 2));
                case F16 -> f16ToF32(in.getShort(i * 2));
                default -> (float) in.getDouble(i * 8);
            };
            out.putFloat(i * 4, value);
        }
        from.position(from.limit());
        to.position(to.position() + elements * Float.BYTES);
    }

    /** Takes all of {@code from} (F32) and puts as many BF16 into {@code to}; both positions move. */
    public static void f32ToBf16(ByteBuffer from, ByteBuffer to) {
        int elements = from.remaining() / Float.BYTES;
        if (from.remaining() % Float.BYTES != 0 || to.remaining() < elements * Short.BYTES) {
            throw TuttiException.bug(
                    "cast of %d bytes of F32 to BF16 with room for %d bytes", from.remaining(), to.remaining());
        }
        ByteBuffer in = from.slice().order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer out = to.slice().order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < elements; i++) {
            out.putShort(i * 2, f32ToBf16(in.getFloat(i * 4)));
        }
        from.position(from.limit());
        to.position(to.position() + elements * Short.BYTES);
    }

    public static float bf16ToF32(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    public static short f32ToBf16(float value) {
        if (Float.isNaN(value)) {
            return BF16_NAN;
        }
        int bits = Float.floatToRawIntBits(value);
        // Half of the last kept place, less one when that place is even: ties go to even.
        return (short) (bits + 0x7FFF + (bits >>> 16 & 1) >>> 16);
    }

    public static float f16ToF32(short bits) {
        int sign = (bits & 0x8000) << 16;
        int exponent = bits >>> 10 & 0x1F;
        int fraction = bits & 0x3FF;
        if (exponent == 0) {
            float magnitude = fraction * 0x1p-24f;
            return Float.intBitsToFloat(sign | Float.floatToRawIntBits(magnitude));
        }
        int widened = exponent == 0x1F ? 0xFF : exponent - 15 + 127;
        return Float.intBitsToFloat(sign | widened << 23 | fraction << 13);
    }

    public static short f32ToF16(float value) {
        int bits = Float.floatToRawIntBits(value);
        int sign = bits >>> 16 & 0x8000;
        if (Float.isNaN(value)) {
            return (short) (sign | F16_NAN);
        }
        float magnitude = Math.abs(value);
        if (magnitude >= 65520f) {
            return (short) (sign | F16_INFINITY);
        }
        if (magnitude < 0x1p-14f) {
            // Subnormal: whole multiples of 2^-24; rint rounds ties to even, and 1024 of them is the first normal
            // number.
            return (short) (sign | (int) Math.rint(magnitude * 0x1p24));
        }
        int rounded = (bits & 0x7FFFFFFF) + 0xFFF + (bits >>> 13 & 1);
        return (short) (sign | (rounded >>> 13) - (127 - 15 << 10));
    }
}
