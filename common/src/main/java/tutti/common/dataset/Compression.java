package tutti.common.dataset;

import io.airlift.compress.zstd.ZstdInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/** How a file is compressed, which its first bytes tell. */
enum Compression {
    NONE(""),
    GZIP(" in gzip"),
    ZSTD(" in zstd");

    /** Bytes that tell. */
    static final int HEAD = 4;

    private static final byte[] GZIP_MAGIC = {0x1f, (byte) 0x8b};
    private static final byte[] ZSTD_MAGIC = {0x28, (byte) 0xb5, 0x2f, (byte) 0xfd};

    private final String suffix;

    Compression(String suffix) {
        this.suffix = suffix;
    }

    static Compression of(byte[] head) {
        if (Arrays.equals(head, ZSTD_MAGIC)) {
            return ZSTD;
        }
        return Arrays.equals(Arrays.copyOf(head, GZIP_MAGIC.length), GZIP_MAGIC) ? GZIP : NONE;
    }

    /** What follows the name of a container. */
    String suffix() {
        return suffix;
    }

    /** @param file names it in errors */
    InputStream unpack(Path file, InputStream packed) {
        try {
            return switch (this) {
                case NONE -> packed;
                case GZIP -> new Unpacked(file, new GZIPInputStream(packed, 1 << 16));
                case ZSTD -> new Unpacked(file, new ZstdInputStream(packed));
            };
        } catch (IOException e) {
            throw damaged(file, e);
        }
    }

    private TuttiException damaged(Path file, Exception cause) {
        String how = "%s: damaged or cut short%s: %s; copy the file again".formatted(file, suffix, cause.getMessage());
        return new TuttiException(Category.DATA, how, cause);
    }

    /** Damage comes as exceptions of many kinds. */
    private final class Unpacked extends FilterInputStream {
        private final Path file;

        Unpacked(Path file, InputStream in) {
            super(in);
            this.file = file;
        }

        @Override
        public int read() {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] into, int from, int length) {
            try {
                return super.read(into, from, length);
            } catch (IOException | RuntimeException e) {
                throw damaged(file, e);
            }
        }
    }
}
