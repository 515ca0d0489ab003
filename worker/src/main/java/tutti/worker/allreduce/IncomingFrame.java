package tutti.worker.allreduce;

import static tutti.worker.allreduce.FrameLayout.ORDER;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.agrona.DirectBuffer;
import tutti.worker.allreduce.DroppedFrames.Kind;

/** A flyweight over a frame that has arrived; one per TreeAllReduce, valid until the next wrap. */
final class IncomingFrame {
    private final Group group;
    private final FrameSeal seal;
    private DirectBuffer buffer;
    private int at;

    IncomingFrame(Group group, FrameSeal seal) {
        this.group = group;
        this.seal = seal;
    }

    /** Looks at everything that can be judged without knowing the collective. Null when the frame is sound and for us. */
    Kind wrap(DirectBuffer source, int offset, int length) {
        buffer = source;
        at = offset;
        Kind broken = seal.check(source, at, length);
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
}
