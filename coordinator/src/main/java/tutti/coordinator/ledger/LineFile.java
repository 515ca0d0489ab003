package tutti.coordinator.ledger;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.Queue;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/**
 * A file that lines are appended to. While its disk is full they wait in memory, so many of them, and go out with the first line that
 * finds room again: a checkpoint that fills the disk must not end the run that then deletes it. Used by one thread.
 */
final class LineFile implements AutoCloseable {
    private static final int MOST_WAITING = 1000;

    private final Path file;
    private final FileChannel channel;
    /** The first may be half written. */
    private final Queue<ByteBuffer> waiting = new ArrayDeque<>();

    LineFile(Path file) {
        this.file = file;
        try {
            this.channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw notWritten(e);
        }
    }

    /** @throws TuttiException (environment) when more lines wait than memory should hold */
    void add(byte[] line) {
        waiting.add(ByteBuffer.wrap(line));
        try {
            writeWaiting();
        } catch (ClosedChannelException e) {
            throw notWritten(e);
        } catch (IOException e) {
            if (waiting.size() > MOST_WAITING) {
                throw notWritten(e);
            }
        }
    }

    private void writeWaiting() throws IOException {
        for (ByteBuffer line = waiting.peek(); line != null; line = waiting.peek()) {
            while (line.hasRemaining()) {
                channel.write(line);
            }
            waiting.remove();
        }
    }

    /** @throws TuttiException (environment) if lines are lost */
    @Override
    public void close() {
        try (channel) {
            if (channel.isOpen()) {
                writeWaiting();
            }
        } catch (IOException e) {
            throw notWritten(e);
        }
    }

    private TuttiException notWritten(IOException e) {
        return new TuttiException(Category.ENVIRONMENT, file + ": cannot be written (disk full?): " + e, e);
    }
}
