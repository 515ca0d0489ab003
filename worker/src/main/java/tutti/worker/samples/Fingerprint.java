package tutti.worker.samples;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.List;
import tutti.common.checkpoint.FileDigest;
import tutti.common.token.TokenizedExample;

/** Hash over the tokens and labels of samples, in their order. */
public final class Fingerprint {
    private final MessageDigest sha256 = FileDigest.newSha256();

    /** Lower-case hex. */
    public static String of(List<TokenizedExample> samples) {
        Fingerprint fingerprint = new Fingerprint();
        samples.forEach(fingerprint::add);
        return fingerprint.hex();
    }

    void add(TokenizedExample sample) {
        ByteBuffer bytes = ByteBuffer.allocate((2 * sample.length() + 1) * Integer.BYTES);
        bytes.putInt(sample.length());
        bytes.asIntBuffer().put(sample.inputIds()).put(sample.labels());
        sha256.update(bytes.array());
    }

    /** Lower-case hex; ends it. */
    String hex() {
        return FileDigest.hex(sha256);
    }
}
