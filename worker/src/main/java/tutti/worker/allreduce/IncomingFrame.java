package tutti.worker.allreduce;

import static tutti.worker.allreduce.FrameLayout.ORDER;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.agrona.DirectBuffer;
import tutti.worker.allreduce.DroppedFrames.Kind;

/**
 * A flyweight over a frame that has arrived; one per TreeAllReduce, valid until the next wrap.
 *
 * <p>A frame that is left comes again at every poll. It is checked once: to read 64 KiB each time takes more than all the rest of a poll.
 */
final class IncomingFrame {
    private final Group group;
    private final FrameSeal seal;
    /** By source, the frame that was left and comes next. */
    private final Left[] left;

    private DirectBuffer buffer;
    private int at;
    private int length;
    /** Of the frame at hand, if it has been left before. */
    private Left again;

    /**
     * Where a frame lies and which one it is: the link keeps it there unchanged until it is taken, and what lies there later is
     * another one.
     *
     * @param array null for memory outside of the heap
     */
    private record Left(byte[] array, long address, int length, int sequence, int kind, long offset) {}

    IncomingFrame(Group group, FrameSeal seal) {
        this.group = group;
        this.seal = seal;
        this.left = new Left[group.worldSize()];
    }

    /** Looks at everything that can be judged without knowing the collective. Null when the frame is sound and for us. */
    Kind wrap(DirectBuffer source, int offset, int length) {
        buffer = source;
        at = offset;
        this.length = length;
        again = leftBefore();
        Kind broken = again != null ? null : seal.check(source, at, length);
        if (broken != null) {
            return broken;
        }
        if (source.getLong(at + FrameLayout.RUN, ORDER) != group.run()) {
            return Kind.WRONG_RUN;
        }
        if (source.getInt(at + FrameLayout.GENERATION, ORDER) != group.generation()) {
            return Kind.WRONG_GENERATION;
        }
        boolean fromPeer = 0 <= source() && source() < group.worldSize() && source() != group.rank();
        // The upper bound keeps offset + length far from overflow; the exchange checks the real bounds.
        boolean offsetSane = 0 <= offset() && offset() <= Integer.MAX_VALUE;
        return fromPeer && offsetSane ? null : Kind.MALFORMED;
    }

    /** Remembers that this frame, which is sound, stays in the link. */
    void leave() {
        left[source()] = again != null
                ? again
                : new Left(buffer.byteArray(), buffer.addressOffset() + at, length, sequence(), kind(), offset());
    }

    /** The note of {@link #leave} on this frame, taken back; null for any other frame, whose bytes may be anything. */
    private Left leftBefore() {
        if (length <= FrameLayout.HEADER || source() < 0 || source() >= left.length || left[source()] == null) {
            return null;
        }
        Left note = left[source()];
        boolean same = note.array == buffer.byteArray()
                && note.address == buffer.addressOffset() + at
                && note.length == length
                && note.sequence == sequence()
                && note.kind == kind()
                && note.offset == offset();
        if (!same) {
            return null;
        }
        left[source()] = null;
        return note;
    }

    int sequence() {
        return buffer.getInt(at + FrameLayout.SEQUENCE, ORDER);
    }

    int fingerprint() {
        return buffer.getInt(at + FrameLayout.FINGERPRINT, ORDER);
    }

    int kind() {
        return buffer.getInt(at + FrameLayout.KIND, ORDER);
    }

    int source() {
        return buffer.getInt(at + FrameLayout.SOURCE, ORDER);
    }

    long offset() {
        return buffer.getLong(at + FrameLayout.OFFSET, ORDER);
    }

    int payloadLength() {
        return buffer.getInt(at + FrameLayout.LENGTH, ORDER);
    }

    String text() {
        return StandardCharsets.UTF_8.decode(payload()).toString();
    }

    /** Position and limit at the payload, little-endian; a view of the link's memory. */
    ByteBuffer payload() {
        return FrameLayout.bytes(buffer, at + FrameLayout.HEADER, payloadLength());
    }

    /** Writes the payload, which is BF16, as F32 to memory outside of the heap. */
    void widen(long into) {
        long payload = buffer.addressOffset() + at + FrameLayout.HEADER;
        Bfloat16.widen(into, buffer.byteArray(), payload, payloadLength() / Short.BYTES);
    }
}
