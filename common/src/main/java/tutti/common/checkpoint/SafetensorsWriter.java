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
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/**
 * Streams tensors into one safetensors file through a small buffer, hashing on the way. Wide types come first, so every
 * tensor starts at a multiple of its element size, as readers that map the file need.
 */
public final class SafetensorsWriter {
    private static final int SLICE_BYTES = 1 << 20;
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
        return write(file, entries, Map.of("format", "pt"), sync);
    }

    public static FileDigest write(Path file, List<Entry> entries, Map<String, String> metadata, boolean sync) {
        List<Entry> ordered = inWritingOrder(file, entries);
        MessageDigest sha256 = FileDigest.newSha256();
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            put(channel, sha256, header(ordered, metadata));
            ByteBuffer slice = ByteBuffer.allocateDirect(SLICE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
            for (Entry entry : ordered) {
                writeTensor(channel, sha256, slice, entry);
            }
            if (sync) {
                channel.force(true);
            }
            return new FileDigest(channel.size(), FileDigest.hex(sha256));
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, file + ": cannot be written (disk full?): " + e, e);
        }
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

    private static void writeTensor(FileChannel channel, MessageDigest sha256, ByteBuffer slice, Entry entry)
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
            put(channel, sha256, slice.flip());
        }
    }

    private static void put(FileChannel channel, MessageDigest sha256, ByteBuffer bytes) throws IOException {
        sha256.update(bytes.duplicate());
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }
}
