package tutti.worker.allreduce;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.SplittableRandom;
import org.agrona.BufferUtil;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.checkpoint.FloatCodec;

/** Four at a time beside one at a time, as checkpoints are written. */
class Bfloat16Test {
    private static final short UNTOUCHED = 0x5a5a;
    /** Ties, carries into the exponent, the largest and the smallest, both zeros, infinities, NaNs that a carry would turn into others. */
    private static final int[] SPECIAL = {
        0,
        0x80000000,
        1,
        0x7fff,
        0x8000,
        0x8001,
        0x18000,
        0x80008000,
        0x007fffff,
        0x00800000,
        0x3f7fffff,
        0x3f808000,
        0x3f818000,
        0x3f80ffff,
        0xbf808001,
        0x7f7fffff,
        0x7f7f7fff,
        0x7f7f8000,
        0xff7fffff,
        0x7f800000,
        0xff800000,
        0x7f800001,
        0x7fffffff,
        0xffffffff,
        0xff8fffff,
        0x7fc00000
    };

    @Test
    void shouldRoundAsOneByOne() {
        SplittableRandom random = new SplittableRandom(1);
        int[] bits = new int[100_003];
        for (int i = 0; i < bits.length; i++) {
            // Long runs without a special value, and some with many.
            bits[i] = i % 8192 < 64 || random.nextInt(5000) == 0
                    ? SPECIAL[random.nextInt(SPECIAL.length)]
                    : random.nextInt();
        }
        assertRoundedAsOneByOne(bits);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5, 7, 8, 9})
    void shouldRoundAnyNumberOfThem(int count) {
        for (int shift = 0; shift < SPECIAL.length; shift++) {
            int[] bits = new int[count];
            for (int i = 0; i < count; i++) {
                bits[i] = SPECIAL[(i + shift) % SPECIAL.length];
            }
            assertRoundedAsOneByOne(bits);
        }
    }

    private static void assertRoundedAsOneByOne(int[] bits) {
        int count = bits.length;
        // One more on either side: those stay as they are.
        ByteBuffer wide = buffer(4 * count + 8);
        ByteBuffer narrow = buffer(2 * count + 4);
        ByteBuffer rounded = buffer(4 * count + 8);
        ByteBuffer widened = buffer(4 * count + 8);
        byte[] heap = new byte[2 * count];
        for (int i = 0; i < count; i++) {
            wide.putInt(4 + 4 * i, bits[i]);
        }
        long from = BufferUtil.address(wide) + 4;
        Bfloat16.narrow(null, BufferUtil.address(narrow) + 2, from, count);
        Bfloat16.narrow(heap, BufferUtil.ARRAY_BASE_OFFSET, from, count);
        Bfloat16.round(BufferUtil.address(rounded) + 4, from, count);
        Bfloat16.widen(BufferUtil.address(widened) + 4, heap, BufferUtil.ARRAY_BASE_OFFSET, count);
        for (int i = 0; i < count; i++) {
            float value = Float.intBitsToFloat(bits[i]);
            short got = narrow.getShort(2 + 2 * i);
            String what = "element %d of %d, %08x".formatted(i, count, bits[i]);
            if (Float.isNaN(value)) {
                assertThat(FloatCodec.bf16ToF32(got)).as(what).isNaN();
                assertThat(got < 0).as("sign of " + what).isEqualTo(bits[i] < 0);
            } else {
                assertThat(got).as(what).isEqualTo(FloatCodec.f32ToBf16(value));
            }
            assertThat(rounded.getInt(4 + 4 * i)).as(what).isEqualTo(got << 16);
            assertThat(widened.getInt(4 + 4 * i)).as(what).isEqualTo(got << 16);
        }
        assertThat(ByteBuffer.wrap(heap)).isEqualTo(narrow.slice(2, 2 * count));
        Bfloat16.narrow(heap, BufferUtil.ARRAY_BASE_OFFSET, BufferUtil.address(rounded) + 4, count);
        assertThat(ByteBuffer.wrap(heap)).as("rounded again").isEqualTo(narrow.slice(2, 2 * count));
        for (ByteBuffer written : new ByteBuffer[] {narrow, rounded, widened}) {
            assertThat(written.getShort(0)).isEqualTo(UNTOUCHED);
            assertThat(written.getShort(written.capacity() - 2)).isEqualTo(UNTOUCHED);
        }
    }

    private static ByteBuffer buffer(int bytes) {
        ByteBuffer buffer = ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < bytes; i++) {
            buffer.put(i, (byte) UNTOUCHED);
        }
        return buffer;
    }
}
