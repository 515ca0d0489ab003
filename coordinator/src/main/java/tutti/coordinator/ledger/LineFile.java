package tutti.coordinator.ledger;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.Queue;
import java.util.function.Predicate;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/**
 * A file that lines are appended to. While its disk is full they wait in memory, so many of them, and go out with the first line that
 * finds room again: a checkpoint that fills the disk must not end the run that then deletes it. Used by one thread.
 */
final class LineFile implements AutoCloseable {
    private static final int MOST_WAITING = 1000;
    static final int LONGEST = 1 << 20;

    private final Path file;
    private final FileChannel channel;
    /** The first may be half written. */
    private final Queue<ByteBuffer> waiting = new ArrayDeque<>();

    LineFile(Path file) {
        this.file = file;
        try {
            mend(file);
            this.channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw notWritten(e);
        }
    }

    /** Whoever was killed in the middle of a line leaves half of it: the next line must not follow it. */
    private static void mend(Path file) throws IOException {
        if (!Files.exists(file)) {
            return;
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer tail = tail(channel);
            int end = tail.limit();
            while (end > 0 && tail.get(end - 1) != '\n') {
                end--;
            }
            channel.truncate(channel.size() - tail.limit() + end);
        }
    }

    /** The last whole line of this kind, if it lies in the last {@value #LONGEST} bytes; {@code kind} is asked from the end on. */
    Optional<String> last(Predicate<String> kind) {
        try (FileChannel reading = FileChannel.open(file, StandardOpenOption.READ)) {
            String[] lines =
                    StandardCharsets.UTF_8.decode(tail(reading)).toString().split("\n");
            // Of a longer file the first of these is the end of a line.
            int whole = reading.size() > LONGEST ? 1 : 0;
            for (int number = lines.length - 1; number >= whole; number--) {
                if (!lines[number].isEmpty() && kind.test(lines[number])) {
                    return Optional.of(lines[number]);
                }
            }
            return Optional.empty();
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, file + ": cannot be read: " + e, e);
        }
    }

    private static ByteBuffer tail(FileChannel channel) throws IOException {
        ByteBuffer tail = ByteBuffer.allocate((int) Math.min(LONGEST, channel.size()));
        channel.position(channel.size() - tail.capacity());
        while (tail.hasRemaining() && channel.read(tail) >= 0) {
            continue;
        }
        return tail.flip();
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
