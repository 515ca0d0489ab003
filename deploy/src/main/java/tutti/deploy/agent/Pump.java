package tutti.deploy.agent;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Threads that carry a child's output away, so that a full pipe never stops the child. */
final class Pump {
    private static final Logger LOG = LoggerFactory.getLogger(Pump.class);
    private static final int CHUNK_BYTES = 8192;
    /** A longer line is cut in two, so that a child without line ends cannot fill our memory. */
    private static final int MAX_LINE_BYTES = 1 << 16;

    private final Thread thread;

    private Pump(String name, Body body) {
        thread = new Thread(
                () -> {
                    try {
                        body.run();
                    } catch (IOException e) {
                        // A killed child's pipe may break instead of ending; either way there is no more.
                        LOG.debug("{}: {}", name, e.toString());
                    }
                },
                name);
        thread.setDaemon(true);
        thread.start();
    }

    /** Bytes as they come. */
    static Pump raw(String name, InputStream from, Terminal terminal, boolean toErr) {
        return new Pump(name, () -> {
            byte[] chunk = new byte[CHUNK_BYTES];
            for (int count; (count = from.read(chunk)) >= 0; ) {
                if (count > 0) {
                    terminal.raw(toErr, chunk, count);
                }
            }
        });
    }

    /** Whole lines to the terminal behind a prefix, and without it to the end of a file. */
    static Pump lines(String name, InputStream from, Terminal terminal, String prefix, Path log) throws IOException {
        OutputStream file = new BufferedOutputStream(
                Files.newOutputStream(log, StandardOpenOption.CREATE, StandardOpenOption.APPEND));
        return new Pump(name, () -> {
            try (LogFile kept = new LogFile(log, file, terminal)) {
                forEachLine(from, MAX_LINE_BYTES, (line, length) -> {
                    terminal.workerLine(prefix, line, length);
                    kept.line(line, length);
                });
            }
        });
    }

    /** Whole lines to a reader, which must not throw. */
    static Pump lines(String name, InputStream from, LineReader reader) {
        return lines(name, from, MAX_LINE_BYTES, reader);
    }

    /** As above, for a child that may say so much in a line. */
    static Pump lines(String name, InputStream from, int maxLineBytes, LineReader reader) {
        return new Pump(name, () -> forEachLine(from, maxLineBytes, reader));
    }

    private static void forEachLine(InputStream from, int maxLineBytes, LineReader reader) throws IOException {
        byte[] chunk = new byte[CHUNK_BYTES];
        byte[] line = new byte[CHUNK_BYTES];
        int length = 0;
        for (int count; (count = from.read(chunk)) >= 0; ) {
            for (int i = 0; i < count; i++) {
                boolean end = chunk[i] == '\n';
                if (!end) {
                    line = length < line.length ? line : Arrays.copyOf(line, 2 * length);
                    line[length++] = chunk[i];
                }
                if (end || length == maxLineBytes) {
                    reader.line(line, length);
                    length = 0;
                }
            }
        }
        if (length > 0) {
            reader.line(line, length);
        }
    }

    /** Waits until the child's last byte is through; not for ever, since a stray grandchild may hold the pipe. */
    void finish(long timeout, TimeUnit unit) throws InterruptedException {
        thread.join(unit.toMillis(timeout));
    }

    /** Gets one line at a time, without its end; the array is the pump's. */
    interface LineReader {
        void line(byte[] bytes, int length);
    }

    private interface Body {
        void run() throws IOException;
    }

    /** A log whose disk may fill: the first failure is told once, and the child's pipe is still emptied. */
    private static final class LogFile implements AutoCloseable {
        private final Path path;
        private final OutputStream file;
        private final Terminal terminal;
        private boolean broken;

        LogFile(Path path, OutputStream file, Terminal terminal) {
            this.path = path;
            this.file = file;
            this.terminal = terminal;
        }

        void line(byte[] bytes, int length) {
            if (broken) {
                return;
            }
            try {
                file.write(bytes, 0, length);
                file.write('\n');
                file.flush();
            } catch (IOException e) {
                broken = true;
                terminal.error("%s: cannot be written any more: %s; is the disk full?".formatted(path, e.getMessage()));
            }
        }

        @Override
        public void close() throws IOException {
            if (!broken) {
                file.close();
            }
        }
    }
}
