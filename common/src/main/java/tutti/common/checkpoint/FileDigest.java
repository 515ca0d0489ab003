package tutti.common.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.zip.CRC32C;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/**
 * Size and content of a file in brief.
 *
 * @param sha256 64 lower-case hexadecimal digits
 */
public record FileDigest(long bytes, String sha256) {
    /** Reads the whole file. */
    public static FileDigest of(Path file) throws IOException {
        return of(file, new CRC32C());
    }

    /** Reads the whole file; {@code crc} sees all bytes as well. */
    static FileDigest of(Path file, CRC32C crc) throws IOException {
        MessageDigest digest = newSha256();
        byte[] buffer = new byte[1 << 16];
        long bytes = 0;
        try (InputStream in = Files.newInputStream(file)) {
            for (int got = in.read(buffer); got >= 0; got = in.read(buffer)) {
                digest.update(buffer, 0, got);
                crc.update(buffer, 0, got);
                bytes += got;
            }
        }
        return new FileDigest(bytes, hex(digest));
    }

    /** Of a file with this content. */
    public static FileDigest of(byte[] content) {
        MessageDigest digest = newSha256();
        digest.update(content);
        return new FileDigest(content.length, hex(digest));
    }

    public static MessageDigest newSha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new TuttiException(
                    Category.ENVIRONMENT, "this Java has no SHA-256; every Java SE has it: reinstall", e);
        }
    }

    /** Ends the digest and resets it. */
    public static String hex(MessageDigest digest) {
        return HexFormat.of().formatHex(digest.digest());
    }
}
