package tutti.worker.allreduce;

import static tutti.worker.allreduce.FrameLayout.ORDER;
import static tutti.worker.allreduce.FrameLayout.SIGNATURE;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.agrona.DirectBuffer;
import org.agrona.MutableDirectBuffer;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.protocol.GradientKey;
import tutti.worker.allreduce.DroppedFrames.Kind;

/**
 * Tells frames of the group's members from all others. It finds all damage that a checksum finds, so it takes its place.
 *
 * <p>A frame is signed for one rank: else what was sent to one could be sent once more to another. One that comes again to the same rank
 * is known by its sequence and offset, and there is a new key for each generation, so nothing has to be remembered here.
 */
final class SignatureSeal implements FrameSeal {
    private static final String ALGORITHM = "HmacSHA256";

    private final int rank;
    private final Mac mac;
    private final byte[] found = new byte[SIGNATURE];

    SignatureSeal(GradientKey key, int rank) {
        this.rank = rank;
        try {
            mac = Mac.getInstance(ALGORITHM);
            mac.init(new SecretKeySpec(key.bytes(), ALGORITHM));
        } catch (GeneralSecurityException e) {
            throw new TuttiException(
                    Category.ENVIRONMENT,
                    "--secure_gradients: this Java has no %s, which every Java must have: %s"
                            .formatted(ALGORITHM, e.getMessage()),
                    e);
        }
    }

    @Override
    public int trailer() {
        return SIGNATURE;
    }

    @Override
    public void seal(MutableDirectBuffer frame, int at, int length, int destination) {
        frame.putInt(at + FrameLayout.DESTINATION, destination, ORDER);
        frame.putBytes(at + length - SIGNATURE, signature(frame, at, length - SIGNATURE));
    }

    /** Believes nothing before the signature: without a good one, every frame is of one kind. */
    @Override
    public Kind check(DirectBuffer frame, int at, int length) {
        if (length <= FrameLayout.HEADER + SIGNATURE
                || !isSigned(frame, at, length - SIGNATURE)
                || frame.getInt(at + FrameLayout.DESTINATION, ORDER) != rank) {
            return Kind.BAD_SIGNATURE;
        }
        return FrameLayout.isFrame(frame, at, length, SIGNATURE) ? null : Kind.MALFORMED;
    }

    private boolean isSigned(DirectBuffer frame, int at, int length) {
        frame.getBytes(at + length, found);
        // Takes the same time wherever they differ: a forger cannot feel his way.
        return MessageDigest.isEqual(signature(frame, at, length), found);
    }

    private byte[] signature(DirectBuffer frame, int at, int length) {
        mac.update(FrameLayout.bytes(frame, at, length));
        return Arrays.copyOf(mac.doFinal(), SIGNATURE);
    }
}
