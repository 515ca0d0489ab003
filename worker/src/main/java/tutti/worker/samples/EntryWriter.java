package tutti.worker.samples;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.CRC32C;
import tutti.common.token.TokenizedExample;

/** Writes the files of an entry, sample by sample, into a folder that nobody reads yet. */
final class EntryWriter implements AutoCloseable {
    static final String TOKENS = "tokens.bin";
    static final String INDEX = "index.bin";
    static final String FACTS = "facts.json";

    private static final int BUFFER_BYTES = 1 << 20;

    private final Path folder;
    private final OutputStream tokens;
    private final OutputStream index;
    private final CRC32C indexCrc = new CRC32C();
    private final ByteBuffer line = IndexEntry.buffer(IndexEntry.BYTES);
    private long offset;
    private int count;

    EntryWriter(Path folder) throws IOException {
        this.folder = folder;
        this.tokens = create(TOKENS);
        this.index = create(INDEX);
    }

    private OutputStream create(String name) throws IOException {
        return new BufferedOutputStream(
                Channels.newOutputStream(PrivateFiles.create(folder.resolve(name))), BUFFER_BYTES);
    }

    /** @throws UncheckedIOException if the disk does not take it */
    void add(TokenizedExample sample) {
        ByteBuffer record = IndexEntry.record(sample);
        IndexEntry.of(sample, record, offset).write(line.clear());
        indexCrc.update(line.array());
        try {
            tokens.write(record.array());
            index.write(line.array());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        offset += record.capacity();
        count++;
    }

    /** @param files that the samples were read from */
    void finish(List<Path> files, Summary summary) throws IOException {
        close();
        new Facts(
                        count,
                        offset,
                        indexCrc.getValue(),
                        files.stream().map(Path::toString).toList(),
                        summary)
                .write(folder.resolve(FACTS));
    }

    @Override
    public void close() throws IOException {
        try (tokens) {
            index.close();
        }
    }
}
