package tutti.worker.allreduce;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.agrona.DirectBuffer;

/**
 * The bytes of a frame, all little-endian:
 *
 * <pre>
 *  0 checksum     int    CRC32C of everything behind it, payload included; in a signed frame the rank that it is for
 *  4 magic        int    also the version of this layout
 *  8 run          long
 * 16 generation   int
 * 20 sequence     int    of the collective, from 0 in each generation
 * 24 fingerprint  int    of the collective's name, type and length: ranks that diverge find out
 * 28 kind         int    CONTRIBUTION, RESULT or GOODBYE
 * 32 source       int    rank
 * 36 length       int    payload bytes
 * 40 offset       long   of the payload's first byte in its stream
 * 48 payload
 *    signature           of a signed frame only: HMAC-SHA-256 of everything before it, the first 16 bytes
 * </pre>
 *
 * A stream is what one rank sends to another for one collective and kind; its frames follow each other without a gap.
 */
final class FrameLayout {
    static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

    static final int CHECKSUM = 0;
    /** Where a frame without a signature has its checksum. */
    static final int DESTINATION = 0;

    static final int MAGIC = 4;
    static final int RUN = 8;
    static final int GENERATION = 16;
    static final int SEQUENCE = 20;
    static final int FINGERPRINT = 24;
    static final int KIND = 28;
    static final int SOURCE = 32;
    static final int LENGTH = 36;
    static final int OFFSET = 40;
    static final int HEADER = 48;
    /** Bytes behind the payload of a signed frame. */
    static final int SIGNATURE = 16;

    /** "TUT1" in memory order. */
    static final int MAGIC_VALUE = 0x31545554;

    /** A rank's own values, for the owner to add or to gather. */
    static final int CONTRIBUTION = 1;

    /** The owner's finished sum of its part. */
    static final int RESULT = 2;

    /** The source has failed in this collective and is leaving; the payload says why, in UTF-8. Of no stream. */
    static final int GOODBYE = 3;

    private FrameLayout() {}

    /** Whether these bytes say that they are a frame, and are as many: header, payload and {@code trailer}. */
    static boolean isFrame(DirectBuffer frame, int at, int length, int trailer) {
        return length > HEADER + trailer
                && frame.getInt(at + MAGIC, ORDER) == MAGIC_VALUE
                && frame.getInt(at + LENGTH, ORDER) == length - HEADER - trailer;
    }

    /** A view for the calls that want a ByteBuffer; little-endian, position and limit at the slice. */
    static ByteBuffer bytes(DirectBuffer buffer, int offset, int length) {
        int start = buffer.wrapAdjustment() + offset;
        ByteBuffer memory = buffer.byteBuffer();
        ByteBuffer view = memory == null ? ByteBuffer.wrap(buffer.byteArray()) : memory.duplicate();
        return view.limit(start + length).position(start).order(ORDER);
    }
}
