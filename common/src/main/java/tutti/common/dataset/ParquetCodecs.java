package tutti.common.dataset;

import io.airlift.compress.Decompressor;
import io.airlift.compress.lz4.Lz4Decompressor;
import io.airlift.compress.snappy.SnappyDecompressor;
import io.airlift.compress.zstd.ZstdDecompressor;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;
import org.apache.parquet.bytes.BytesInput;
import org.apache.parquet.compression.CompressionCodecFactory;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;

/** Unpacks pages in plain Java. Parquet's own codecs are Hadoop's, and bring native code and most of Hadoop along. */
final class ParquetCodecs implements CompressionCodecFactory {
    /** Writers make pages of a megabyte; more than this is a broken length. */
    private static final int MAX_PAGE = 1 << 29;

    @Override
    public BytesInputCompressor getCompressor(CompressionCodecName codec) {
        throw new UnsupportedOperationException("read only");
    }

    @Override
    public BytesInputDecompressor getDecompressor(CompressionCodecName codec) {
        return new Pages(codec);
    }

    @Override
    public void release() {}

    private record Pages(CompressionCodecName codec) implements BytesInputDecompressor {

        @Override
        public BytesInput decompress(BytesInput packed, int size) throws IOException {
            return BytesInput.from(unpack(packed.toInputStream().readAllBytes(), size));
        }

        @Override
        public void decompress(ByteBuffer packed, int packedSize, ByteBuffer into, int size) throws IOException {
            byte[] bytes = new byte[packedSize];
            packed.get(bytes);
            into.put(unpack(bytes, size));
        }

        @Override
        public void release() {}

        private byte[] unpack(byte[] packed, int size) throws IOException {
            if (size < 0 || size > MAX_PAGE) {
                throw new IOException("a page of " + size + " bytes, at most " + MAX_PAGE + " are read");
            }
            byte[] page = switch (codec) {
                case UNCOMPRESSED -> packed;
                case GZIP -> gunzip(packed, size);
                case SNAPPY -> unpack(new SnappyDecompressor(), packed, size);
                case ZSTD -> unpack(new ZstdDecompressor(), packed, size);
                case LZ4_RAW -> unpack(new Lz4Decompressor(), packed, size);
                default ->
                    throw new IOException("compressed as " + codec + "; read are SNAPPY, GZIP, ZSTD, LZ4_RAW and none");
            };
            if (page.length != size) {
                throw new IOException("a page has " + page.length + " bytes, needs " + size);
            }
            return page;
        }

        private static byte[] gunzip(byte[] packed, int size) throws IOException {
            try (GZIPInputStream in = new GZIPInputStream(new ByteArrayInputStream(packed))) {
                return in.readNBytes(size);
            }
        }

        private static byte[] unpack(Decompressor codec, byte[] packed, int size) {
            byte[] page = new byte[size];
            int length = codec.decompress(packed, 0, packed.length, page, 0, size);
            return length == size ? page : Arrays.copyOf(page, length);
        }
    }
}
