package tutti.common.protocol;

import static tutti.common.error.TuttiException.require;

import java.security.SecureRandom;
import tutti.common.error.Category;

/**
 * Signs the gradient frames of one generation. It lies in the memory of coordinator and workers only: never in a log, a file, the
 * environment or on a command line; whatever holds it prints without it.
 *
 * @param bytes {@value #BYTES} of them
 */
public record GradientKey(byte[] bytes) {
    /** As much as the hash of the signature gives out: a longer key is no stronger. */
    private static final int BYTES = 32;

    public GradientKey {
        require(bytes.length == BYTES, Category.BUG, "gradient key: %d bytes, not %d", bytes.length, BYTES);
    }

    public static GradientKey random() {
        byte[] bytes = new byte[BYTES];
        new SecureRandom().nextBytes(bytes);
        return new GradientKey(bytes);
    }

    @Override
    public String toString() {
        return "GradientKey[hidden]";
    }
}
