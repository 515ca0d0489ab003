package tutti.common.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/**
 * A safetensors file open for reading, already checked: u64 header length, JSON header, tensor bytes. Reads are positional,
 * so threads may share one file; files and tensors may be larger than 2 GB.
 */
public final class SafetensorsFile implements AutoCloseable {
    /** The limit of huggingface/safetensors: no honest header comes near it. */
    static final long MAX_HEADER_BYTES = 100_000_000;

    private final Path file;
    private final FileChannel channel;
    private final long dataStart;
    private final SafetensorsHeader header;

    private SafetensorsFile(Path file, FileChannel channel, long dataStart, SafetensorsHeader header) {
        this.file = file;
        this.channel = channel;
        this.dataStart = dataStart;
        this.header = header;
    }

    /** Reads and checks the header. A file that breaks a rule of the format is a DATA failure that says which. */
    public static SafetensorsFile open(Path file) {
        FileChannel channel = null;
        try {
            if (!Listing.isFile(file)) {
                throw TuttiException.data("%s: no such file; check the path or download it again", file);
            }
            channel = FileChannel.open(file, StandardOpenOption.READ);
            long size = channel.size();
            if (size < Long.BYTES) {
                throw TuttiException.data(
                        "%s: has %d bytes, a safetensors file has at least 8; download it again", file, size);
            }
            long length = readFully(file, channel, 0, ByteBuffer.allocate(Long.BYTES))
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .getLong(0);
            // As unsigned, a negative length is a huge one.
            if (length < 0 || length > MAX_HEADER_BYTES) {
                throw TuttiException.data(
                        "%s: header length %s is over the limit of %d; this is not a safetensors file, or it is damaged",
                        file, Long.toUnsignedString(length), MAX_HEADER_BYTES);
            }
            if (length > size - Long.BYTES) {
                throw TuttiException.data(
                        "%s: header of %d bytes does not fit a file of %d bytes (cut short); download it again",
                        file, length, size);
            }
            byte[] json = readFully(file, channel, Long.BYTES, ByteBuffer.allocate((int) length))
                    .array();
            long dataStart = Long.BYTES + length;
            return new SafetensorsFile(file, channel, dataStart, SafetensorsHeader.parse(file, json, size - dataStart));
        } catch (IOException e) {
            closeAfter(channel, e);
            throw unreadable(file, e);
        } catch (RuntimeException e) {
            closeAfter(channel, e);
            throw e;
        }
    }

    public Path path() {
        return file;
    }

    /** Every tensor by name, in the order of their bytes in the file. */
    public Map<String, TensorInfo> tensors() {
        return header.tensors();
    }

    /** The {@code __metadata__} strings; {@code format=pt} is what PyTorch's side expects. */
    public Map<String, String> metadata() {
        return header.metadata();
    }

    /**
     * Fills {@code into} from position to limit with raw little-endian bytes of the tensor, beginning at an element.
     *
     * @param elementOffset counted in elements of the stored type
     */
    public void read(String name, long elementOffset, ByteBuffer into) {
        TensorInfo tensor = header.tensors().get(name);
        if (tensor == null) {
            throw TuttiException.data("%s: has no tensor '%s'", file, name);
        }
        int wanted = into.remaining();
        if (elementOffset < 0
                || elementOffset > tensor.elements()
                || wanted > tensor.bytes() - elementOffset * tensor.dtype().bytes()) {
            throw TuttiException.bug(
                    "%s: read of %d bytes at element %d is outside tensor '%s' of %d bytes",
                    file, wanted, elementOffset, name, tensor.bytes());
        }
        try {
            readFully(
                    file,
                    channel,
                    dataStart + tensor.begin() + elementOffset * tensor.dtype().bytes(),
                    into);
        } catch (IOException e) {
            throw unreadable(file, e);
        }
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw unreadable(file, e);
        }
    }

    private static ByteBuffer readFully(Path file, FileChannel channel, long position, ByteBuffer into)
            throws IOException {
        long at = position;
        while (into.hasRemaining()) {
            int got = channel.read(into, at);
            if (got < 0) {
                throw TuttiException.data("%s: ends at byte %d while being read; was it replaced?", file, at);
            }
            at += got;
        }
        return into;
    }

    private static TuttiException unreadable(Path file, IOException e) {
        return new TuttiException(Category.ENVIRONMENT, file + ": cannot be read: " + e, e);
    }

    private static void closeAfter(FileChannel channel, Exception first) {
        if (channel != null) {
            try {
                channel.close();
            } catch (IOException e) {
                first.addSuppressed(e);
            }
        }
    }
}
