package tutti.worker.samples;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.zip.CRC32C;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.token.TokenizedExample;

/**
 * Samples of an entry of the cache, read one by one where they lie. Not mapped: pages of a mapping count as memory of the process. The
 * heap holds their lengths alone, 4 bytes a sample.
 */
final class FileSamples implements Samples {
    private static final int CHUNK = 1 << 20;

    private final Path folder;
    private final Facts facts;
    private final FileChannel tokens;
    private final FileChannel index;
    private final int[] lengths;

    private FileSamples(Path folder, Facts facts, FileChannel tokens, FileChannel index) throws IOException {
        this.folder = folder;
        this.facts = facts;
        this.tokens = tokens;
        this.index = index;
        this.lengths = lengths();
    }

    /**
     * What came of opening an entry.
     *
     * @param damage why it cannot be used; empty where it can, or is not there
     */
    record Opened(Optional<FileSamples> samples, String damage) {}

    /** All but the records is checked now, those when they are read. */
    static Opened open(Path folder) {
        if (!Files.isDirectory(folder)) {
            return new Opened(Optional.empty(), "");
        }
        FileChannel tokens = null;
        FileChannel index = null;
        try {
            Facts facts = Facts.read(folder.resolve(EntryWriter.FACTS));
            tokens = FileChannel.open(folder.resolve(EntryWriter.TOKENS));
            index = FileChannel.open(folder.resolve(EntryWriter.INDEX));
            return new Opened(Optional.of(new FileSamples(folder, facts, tokens, index)), "");
        } catch (IOException e) {
            close(tokens, e);
            close(index, e);
            return new Opened(Optional.empty(), String.valueOf(e.getMessage()));
        }
    }

    private static void close(FileChannel channel, IOException cause) {
        try {
            if (channel != null) {
                channel.close();
            }
        } catch (IOException e) {
            cause.addSuppressed(e);
        }
    }

    /** @throws IOException if the index is not as it was written, or the records are fewer */
    private int[] lengths() throws IOException {
        expect(EntryWriter.TOKENS, tokens.size(), facts.tokenBytes());
        expect(EntryWriter.INDEX, index.size(), (long) facts.count() * IndexEntry.BYTES);
        int[] all = new int[facts.count()];
        CRC32C crc = new CRC32C();
        ByteBuffer chunk = IndexEntry.buffer(CHUNK);
        for (int number = 0; number < all.length; ) {
            int bytes = (int) Math.min(CHUNK, (long) (all.length - number) * IndexEntry.BYTES);
            read(index, (long) number * IndexEntry.BYTES, chunk.clear().limit(bytes));
            crc.update(chunk.duplicate());
            while (chunk.hasRemaining()) {
                all[number++] = IndexEntry.read(chunk).length();
            }
        }
        if (crc.getValue() != facts.indexCrc()) {
            throw new IOException(EntryWriter.INDEX + " has other bytes than were written");
        }
        return all;
    }

    private static void expect(String name, long bytes, long expected) throws IOException {
        if (bytes != expected) {
            throw new IOException("%s has %,d bytes of %,d".formatted(name, bytes, expected));
        }
    }

    /** @param now where the files lie that the samples were made of */
    Summary summary(List<Path> now) {
        return facts.summary(now);
    }

    long bytes() {
        return facts.tokenBytes() + (long) facts.count() * IndexEntry.BYTES;
    }

    @Override
    public int count() {
        return lengths.length;
    }

    @Override
    public boolean inMemory() {
        return false;
    }

    @Override
    public int length(int number) {
        return lengths[number];
    }

    @Override
    public TokenizedExample get(int number) {
        try {
            ByteBuffer line = IndexEntry.buffer(IndexEntry.BYTES);
            read(index, (long) number * IndexEntry.BYTES, line);
            IndexEntry entry = IndexEntry.read(line);
            boolean inside = 0 <= entry.offset() && entry.offset() <= facts.tokenBytes() - entry.recordBytes();
            if (entry.length() != lengths[number] || !inside) {
                throw damaged(number, EntryWriter.INDEX);
            }
            ByteBuffer record = IndexEntry.buffer(Math.toIntExact(entry.recordBytes()));
            read(tokens, entry.offset(), record);
            if (IndexEntry.crc(record) != entry.crc()) {
                throw damaged(number, EntryWriter.TOKENS);
            }
            return entry.sample(record);
        } catch (EOFException e) {
            throw damaged(number, EntryWriter.TOKENS);
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, folder + ": cannot be read: " + e, e);
        }
    }

    private TuttiException damaged(int number, String name) {
        return TuttiException.data(
                "%s: sample %d is not as it was written (torn file, or a disk that flips bits); delete %s, the next run makes it again",
                folder.resolve(name), number, folder);
    }

    /** Fills the buffer and flips it. */
    private static void read(FileChannel from, long offset, ByteBuffer into) throws IOException {
        while (into.hasRemaining()) {
            if (from.read(into, offset + into.position()) < 0) {
                throw new EOFException("the file ends at " + from.size());
            }
        }
        into.flip();
    }

    @Override
    public void close() {
        try (tokens) {
            index.close();
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, folder + ": cannot be closed: " + e, e);
        }
    }
}
