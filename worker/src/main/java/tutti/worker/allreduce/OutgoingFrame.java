package tutti.worker.allreduce;

import static tutti.worker.allreduce.FrameLayout.ORDER;

import java.nio.ByteBuffer;
import org.agrona.BufferUtil;
import org.agrona.MutableDirectBuffer;

/** The frame that is offered next; one per TreeAllReduce, its fields overwritten for every frame. */
final class OutgoingFrame implements ChunkLink.FrameWriter {
    private final long run;
    private final int generation;
    private final int source;
    private final FrameSeal seal;

    int destination;
    int sequence;
    int fingerprint;
    int kind;
    long offset;
    ByteBuffer payload;
    int payloadIndex;
    /** In the frame. */
    int payloadLength;
    /** The payload is F32, outside of the heap, and the frame carries it as BF16. */
    boolean narrows;

    OutgoingFrame(Group group, FrameSeal seal) {
        this.run = group.run();
        this.generation = group.generation();
        this.source = group.rank();
        this.seal = seal;
    }

    int length() {
        return FrameLayout.HEADER + payloadLength + seal.trailer();
    }

    @Override
    public void write(MutableDirectBuffer target, int at, int length) {
        target.putInt(at + FrameLayout.MAGIC, FrameLayout.MAGIC_VALUE, ORDER);
        target.putLong(at + FrameLayout.RUN, run, ORDER);
        target.putInt(at + FrameLayout.GENERATION, generation, ORDER);
        target.putInt(at + FrameLayout.SEQUENCE, sequence, ORDER);
        target.putInt(at + FrameLayout.FINGERPRINT, fingerprint, ORDER);
        target.putInt(at + FrameLayout.KIND, kind, ORDER);
        target.putInt(at + FrameLayout.SOURCE, source, ORDER);
        target.putInt(at + FrameLayout.LENGTH, payloadLength, ORDER);
        target.putLong(at + FrameLayout.OFFSET, offset, ORDER);
        if (narrows) {
            long into = target.addressOffset() + at + FrameLayout.HEADER;
            long wide = BufferUtil.address(payload) + payloadIndex;
            Bfloat16.narrow(target.byteArray(), into, wide, payloadLength / Short.BYTES);
        } else {
            target.putBytes(at + FrameLayout.HEADER, payload, payloadIndex, payloadLength);
        }
        seal.seal(target, at, length, destination);
    }
}
