package tutti.common.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;
import tutti.common.Shared;

class FloatCodecTest {
    @Test
    void shouldCastBitForBitAsPyTorch() throws IOException {
        JsonNode casts = new JsonMapper()
                .readTree(Shared.file("fixtures/dtype_casts.json").toFile());
        for (int i = 0; i < casts.get("f32_bits").size(); i++) {
            float value =
                    Float.intBitsToFloat((int) casts.get("f32_bits").get(i).asLong());
            short bf16 = (short) casts.get("bf16_bits").get(i).asInt();
            short f16 = (short) casts.get("f16_bits").get(i).asInt();
            assertThat(FloatCodec.f32ToBf16(value)).as("bf16 of %s", value).isEqualTo(bf16);
            assertThat(FloatCodec.f32ToF16(value)).as("f16 of %s", value).isEqualTo(f16);
            assertThat(Float.floatToIntBits(FloatCodec.bf16ToF32(bf16)))
                    .isEqualTo(
                            Float.floatToIntBits(number(casts.get("bf16_back").get(i))));
            assertThat(Float.floatToIntBits(FloatCodec.f16ToF32(f16)))
                    .isEqualTo(Float.floatToIntBits(number(casts.get("f16_back").get(i))));
        }
    }

    @Test
    void shouldComeBackToTheSameBitsFromEveryHalf() {
        for (int i = 0; i <= 0xFFFF; i++) {
            short bits = (short) i;
            if (!Float.isNaN(FloatCodec.bf16ToF32(bits))) {
                assertThat(FloatCodec.f32ToBf16(FloatCodec.bf16ToF32(bits))).isEqualTo(bits);
            }
            if (!Float.isNaN(FloatCodec.f16ToF32(bits))) {
                assertThat(FloatCodec.f32ToF16(FloatCodec.f16ToF32(bits))).isEqualTo(bits);
            }
        }
    }

    @Test
    void shouldRoundHalfwayToEven() {
        // Halfway between two neighbours of every finite half, in exact arithmetic.
        for (int i = 0; i < 0x7BFF; i++) {
            double middle = ((double) FloatCodec.f16ToF32((short) i) + FloatCodec.f16ToF32((short) (i + 1))) / 2;
            assertThat(FloatCodec.f32ToF16((float) middle)).isEqualTo((short) (i % 2 == 0 ? i : i + 1));
        }
        for (int i = 0; i < 0x7F7F; i++) {
            float middle = Float.intBitsToFloat((i << 16) + 0x8000);
            assertThat(FloatCodec.f32ToBf16(middle)).isEqualTo((short) (i % 2 == 0 ? i : i + 1));
        }
    }

    @Test
    void shouldMoveBothBuffersAndLeaveTheirByteOrderAlone() {
        ByteBuffer f64 = ByteBuffer.allocate(16)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putDouble(0.1)
                .putDouble(-2.5);
        ByteBuffer f32 = ByteBuffer.allocateDirect(12);
        FloatCodec.toF32(StoredDType.F64, f64.flip(), f32);
        assertThat(f64.remaining()).isZero();
        assertThat(f32.position()).isEqualTo(8);
        assertThat(f32.order()).isEqualTo(ByteOrder.BIG_ENDIAN);
        ByteBuffer bf16 = ByteBuffer.allocate(4);
        FloatCodec.f32ToBf16(f32.flip(), bf16);
        assertThat(bf16.order(ByteOrder.LITTLE_ENDIAN).getShort(2)).isEqualTo(FloatCodec.f32ToBf16(-2.5f));
        assertThat(f32.order(ByteOrder.LITTLE_ENDIAN).getFloat(0)).isEqualTo(0.1f);
    }

    private static float number(JsonNode text) {
        return switch (text.asText()) {
            case "inf" -> Float.POSITIVE_INFINITY;
            case "-inf" -> Float.NEGATIVE_INFINITY;
            case "nan" -> Float.NaN;
            default -> (float) Double.parseDouble(text.asText());
        };
    }
}
