package tutti.worker.allreduce;

import org.agrona.DirectBuffer;
import org.agrona.MutableDirectBuffer;
import tutti.worker.allreduce.DroppedFrames.Kind;

/** By what a receiver knows that a frame is what its sender wrote. One for each rank, used by one thread at a time. */
sealed interface FrameSeal permits ChecksumSeal, SignatureSeal {

    static FrameSeal of(Group group) {
        return group.key()
                .<FrameSeal>map(key -> new SignatureSeal(key, group.rank()))
                .orElseGet(ChecksumSeal::new);
    }

    /** Bytes of a frame behind its payload. */
    int trailer();

    /** The last thing that is done to a frame of {@code length} bytes, trailer included. */
    void seal(MutableDirectBuffer frame, int at, int length, int destination);

    /** Null when the frame is as its sender sealed it and can be read; takes any bytes. */
    Kind check(DirectBuffer frame, int at, int length);
}
