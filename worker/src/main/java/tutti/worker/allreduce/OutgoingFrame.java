package tutti.worker.allreduce;

import static tutti.worker.allreduce.FrameLayout.ORDER;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;
import org.agrona.MutableDirectBuffer;

/** The frame that is offered next; one per communication thread, its fields overwritten for every frame. */
final class OutgoingFrame implements ChunkLink.FrameWriter {
    private final long run;
    private final int generation;
    private final int source;
    private final CRC32C crc = new CRC32C();

    int sequence;
    int fingerprint;
    int kind;
    long offset;
    ByteBuffer payload;
    int payloadIndex;
    int payloadLength;

    OutgoingFrame(long run, int generation, int source) {
        this.run = run;
        this.generation = generation;
        this.source = source;
    }

    int length() {
        return FrameLayout.HEADER + payloadLength;
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
        target.putBytes(at + FrameLayout.HEADER, payload, payloadIndex, payloadLength);
        target.putInt(at + FrameLayout.CHECKSUM, FrameLayout.checksum(crc, target, at, length), ORDER);
    }
}
