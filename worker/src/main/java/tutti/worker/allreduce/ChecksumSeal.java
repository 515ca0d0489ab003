package tutti.worker.allreduce;

import static tutti.worker.allreduce.FrameLayout.ORDER;

import java.util.zip.CRC32C;
import org.agrona.DirectBuffer;
import org.agrona.MutableDirectBuffer;
import tutti.worker.allreduce.DroppedFrames.Kind;

/**
 * Finds damage: every frame with up to three wrong bits, and all but one in 2^32 of those with more. No protection from somebody who
 * makes frames.
 */
final class ChecksumSeal implements FrameSeal {
    private final CRC32C crc = new CRC32C();

    @Override
    public int trailer() {
        return 0;
    }

    @Override
    public void seal(MutableDirectBuffer frame, int at, int length, int destination) {
        frame.putInt(at + FrameLayout.CHECKSUM, checksum(frame, at, length), ORDER);
    }

    @Override
    public Kind check(DirectBuffer frame, int at, int length) {
        if (!FrameLayout.isFrame(frame, at, length, 0)) {
            return Kind.MALFORMED;
        }
        return checksum(frame, at, length) == frame.getInt(at + FrameLayout.CHECKSUM, ORDER) ? null : Kind.BAD_CHECKSUM;
    }

    private int checksum(DirectBuffer frame, int at, int length) {
        crc.reset();
        crc.update(FrameLayout.bytes(frame, at + FrameLayout.MAGIC, length - FrameLayout.MAGIC));
        return (int) crc.getValue();
    }
}
