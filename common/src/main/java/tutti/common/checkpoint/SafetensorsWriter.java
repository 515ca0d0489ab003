package tutti.common.checkpoint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/**
 * Streams tensors into one safetensors file through a small buffer, hashing on the way. Wide types come first, so every
 * tensor starts at a multiple of its element size, as readers that map the file need.
 */
public final class SafetensorsWriter {
    /** Memory that one write takes, outside of the heap. */
    public static final int SLICE_BYTES = 1 << 20;

    private static final Map<String, String> FORMAT = Map.of("format", "pt");
    private static final JsonFactory JSON = new JsonFactory();

    private SafetensorsWriter() {}

    /** Where the bytes of a tensor come from. */
    @FunctionalInterface
    public interface Bytes {
        /**
         * Fills {@code into} from position to limit with raw little-endian bytes. Called with rising offsets, each byte once.
         *
         * @param byteOffset first byte wanted, counted from the start of the tensor; a multiple of the element size
         */
        void read(long byteOffset, ByteBuffer into);
    }

    /** A tensor to write; {@code shape} is empty for a scalar. */
    public record Entry(String name, StoredDType dtype, List<Long> shape, Bytes data) {
        public Entry {
            shape = List.copyOf(shape);
        }

        long bytes() {
            return TensorInfo.bytesOf(dtype, shape);
        }
    }

    /**
     * Replaces {@code file}. It is not safe against a crash by itself: write inside a {@link CommitDir}.
     *
     * @param sync force the bytes to the disk before returning
     * @return size and hash for the {@link Manifest}
     */
    public static FileDigest write(Path file, List<Entry> entries, boolean sync) {
        return write(file, entries, FORMAT, sync);
    }

    public static FileDigest write(Path file, List<Entry> entries, Map<String, String> metadata, boolean sync) {
        MessageDigest sha256 = FileDigest.newSha256();
        long bytes = stream(file, entries, metadata, sha256::update, sync);
        return new FileDigest(bytes, FileDigest.hex(sha256));
    }

    /** As fast as files take bytes: hashing and the disk are left to {@link Unsealed#seal}. */
    public static Unsealed writeUnsealed(Path file, List<Entry> entries) {
        CRC32C crc = new CRC32C();
        long bytes = stream(file, entries, FORMAT, crc::update, false);
        return new Unsealed(file, bytes, crc.getValue());
    }

    /**
     * A file whose bytes may still be on their way to the disk.
     *
     * @param crc32c of the bytes as they were in memory
     */
    public record Unsealed(Path file, long bytes, long crc32c) {
        /**
         * Forces the file to the disk and hashes it. Any thread may.
         *
         * @throws TuttiException (environment) if the disk fails, or what is read is not what was written
         */
        public FileDigest seal() {
            try {
                CommitDir.sync(file);
                CRC32C crc = new CRC32C();
                FileDigest digest = FileDigest.of(file, crc);
                if (digest.bytes() != bytes || crc.getValue() != crc32c) {
                    throw TuttiException.environment(
                            "%s: written were %d bytes with CRC-32C %08x, read back are %d with %08x; look at the disk",
                            file, bytes, crc32c, digest.bytes(), crc.getValue());
                }
                return digest;
            } catch (IOException e) {
                throw notWritten(file, e);
            }
        }
    }

    private static long stream(
            Path file, List<Entry> entries, Map<String, String> metadata, Consumer<ByteBuffer> checksum, boolean sync) {
        List<Entry> ordered = inWritingOrder(file, entries);
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            long bytes = put(channel, checksum, header(ordered, metadata));
            ByteBuffer slice = ByteBuffer.allocateDirect(SLICE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
            for (Entry entry : ordered) {
                writeTensor(channel, checksum, slice, entry);
                bytes += entry.bytes();
            }
            if (sync) {
                channel.force(true);
            }
            return bytes;
        } catch (IOException e) {
            throw notWritten(file, e);
        }
    }

    private static TuttiException notWritten(Path file, IOException e) {
        return new TuttiException(Category.ENVIRONMENT, file + ": cannot be written (disk full?): " + e, e);
    }

    private static List<Entry> inWritingOrder(Path file, List<Entry> entries) {
        Set<String> names = new HashSet<>();
        for (Entry entry : entries) {
            if (!names.add(entry.name()) || entry.name().equals("__metadata__")) {
                throw TuttiException.bug("%s: tensor name '%s' is taken", file, entry.name());
            }
        }
        List<Entry> ordered = new ArrayList<>(entries);
        ordered.sort(Comparator.comparingInt(entry -> -entry.dtype().bytes()));
        return ordered;
    }

    private static ByteBuffer header(List<Entry> ordered, Map<String, String> metadata) throws IOException {
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        try (JsonGenerator json = JSON.createGenerator(text)) {
            json.writeStartObject();
            if (!metadata.isEmpty()) {
                json.writeObjectFieldStart("__metadata__");
                for (var pair : metadata.entrySet()) {
                    json.writeStringField(pair.getKey(), pair.getValue());
                }
                json.writeEndObject();
            }
            long begin = 0;
            for (Entry entry : ordered) {
                json.writeObjectFieldStart(entry.name());
                json.writeStringField("dtype", entry.dtype().name());
                json.writeArrayFieldStart("shape");
                for (long dimension : entry.shape()) {
                    json.writeNumber(dimension);
                }
                json.writeEndArray();
                json.writeArrayFieldStart("data_offsets");
                json.writeNumber(begin);
                begin = Math.addExact(begin, entry.bytes());
                json.writeNumber(begin);
                json.writeEndArray();
                json.writeEndObject();
            }
            json.writeEndObject();
        }
        int padded = (text.size() + 7) / 8 * 8;
        ByteBuffer header = ByteBuffer.allocate(Long.BYTES + padded).order(ByteOrder.LITTLE_ENDIAN);
        header.putLong(padded).put(text.toByteArray());
        while (header.hasRemaining()) {
            header.put((byte) ' ');
        }
        return header.flip();
    }

    private static void writeTensor(FileChannel channel, Consumer<ByteBuffer> checksum, ByteBuffer slice, Entry entry)
            throws IOException {
        long total = entry.bytes();
        for (long offset = 0; offset < total; offset += SLICE_BYTES) {
            slice.clear().limit((int) Math.min(SLICE_BYTES, total - offset));
            entry.data().read(offset, slice);
            if (slice.hasRemaining()) {
                throw TuttiException.bug(
                        "tensor '%s': source left %d bytes unfilled at offset %d",
                        entry.name(), slice.remaining(), offset);
            }
            put(channel, checksum, slice.flip());
        }
    }

    private static long put(FileChannel channel, Consumer<ByteBuffer> checksum, ByteBuffer bytes) throws IOException {
        long count = bytes.remaining();
        checksum.accept(bytes.duplicate());
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
        return count;
    }
}
