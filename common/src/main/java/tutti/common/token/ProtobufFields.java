package tutti.common.token;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * The fields of one Protocol Buffers message, one after the other; nested messages are read by another of these. Source: the wire
 * format at protobuf.dev. Whatever does not follow it is an IllegalArgumentException.
 */
final class ProtobufFields {
    private static final int VARINT = 0;
    private static final int FIXED64 = 1;
    private static final int BYTES = 2;
    private static final int FIXED32 = 5;

    private final ByteBuffer in;
    private int number;
    private long value;
    private ByteBuffer bytes;

    /** @param message from its position to its limit */
    ProtobufFields(ByteBuffer message) {
        in = message.slice().order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Reads the next field; false behind the last. */
    boolean next() {
        if (!in.hasRemaining()) {
            return false;
        }
        long tag = varint();
        number = (int) (tag >>> 3);
        bytes = null;
        switch ((int) (tag & 7)) {
            case VARINT -> value = varint();
            case FIXED64 -> value = need(Long.BYTES).getLong();
            case FIXED32 -> value = need(Integer.BYTES).getInt();
            case BYTES -> {
                long length = varint();
                bytes = need(length).slice().limit((int) length).slice();
                in.position(in.position() + (int) length);
            }
            default -> throw new IllegalArgumentException("a field of unknown kind at byte " + in.position());
        }
        return true;
    }

    int number() {
        return number;
    }

    long integer() {
        return value;
    }

    float real() {
        return Float.intBitsToFloat((int) value);
    }

    ProtobufFields message() {
        return new ProtobufFields(blob());
    }

    String text() {
        return StandardCharsets.UTF_8.decode(blob()).toString();
    }

    ByteBuffer blob() {
        if (bytes == null) {
            throw new IllegalArgumentException("field %d is a number".formatted(number));
        }
        return bytes.duplicate();
    }

    private ByteBuffer need(long length) {
        if (length < 0 || length > in.remaining()) {
            throw new IllegalArgumentException("cut short at byte " + in.position());
        }
        return in;
    }

    private long varint() {
        long read = 0;
        for (int shift = 0; shift < Long.SIZE; shift += 7) {
            byte one = need(1).get();
            read |= (one & 0x7fL) << shift;
            if (one >= 0) {
                return read;
            }
        }
        throw new IllegalArgumentException("a number of more than 64 bits at byte " + in.position());
    }
}
