package tutti.test.support;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A folder whose disk fails where a test says: everything goes on to the real file system through a provider of java.nio.file that
 * counts operations. Reads and writes take a part of what they are asked for, as the kernel may, and {@code toFile} throws: whoever
 * leaves java.nio by it is not seen. Nothing is forced to the real disk. Any thread may use it.
 */
public final class FailingDisk {
    /** What programs ask of a file system; a folder's entries are one {@code LIST} each. */
    public enum Kind {
        LOOK,
        LIST,
        OPEN,
        READ,
        WRITE,
        SIZE,
        FORCE,
        CLOSE,
        MAKE,
        MOVE,
        DELETE
    }

    /** How an operation fails. */
    public enum Fault {
        /** It alone, and nothing is done; but of a write a part. */
        ONCE,
        /** It alone, after it was done: the answer of a network drive that got lost. */
        LATE,
        /** It and all after it. */
        ONWARDS
    }

    /** @param path where the real file lies; for a move, what is moved */
    public record Operation(Kind kind, Path path) {}

    private final FailingFiles files = new FailingFiles(this);
    private final List<Operation> operations = new ArrayList<>();
    private final List<Path> open = new ArrayList<>();
    private int failAt;
    private Fault fault;
    private String why;
    private Optional<Operation> struck;

    public FailingDisk() {
        heal();
    }

    /** A path of this disk. */
    public Path at(Path real) {
        return files.wrap(real);
    }

    /**
     * Counts from the first again.
     *
     * @param operation 0 for the next one; one that never comes does no harm
     * @param why as the kernel says it: {@code Input/output error}
     */
    public synchronized void failAt(int operation, Fault fault, String why) {
        operations.clear();
        this.failAt = operation;
        this.fault = fault;
        this.why = why;
        this.struck = Optional.empty();
    }

    /** Counts from the first again, and fails no more. */
    public synchronized void heal() {
        failAt(Integer.MAX_VALUE, Fault.ONCE, "");
    }

    /** The operation that failed first since {@link #failAt}, if it came so far. */
    public synchronized Optional<Operation> struck() {
        return struck;
    }

    /** Since the counting began. */
    public synchronized List<Operation> operations() {
        return List.copyOf(operations);
    }

    /** Files that are open now. */
    public synchronized List<Path> open() {
        return List.copyOf(open);
    }

    /** A part of what an operation does. */
    interface Action<T> {
        T run() throws IOException;
    }

    /** @throws FileSystemException as the JDK does for an operation on a name */
    <T> T named(Kind kind, Path path, Action<T> action) throws IOException {
        return act(kind, path, action, new FileSystemException(path.toString(), null, why));
    }

    /** @throws IOException that names no file, as the JDK does for a channel */
    <T> T unnamed(Kind kind, Path path, Action<T> action) throws IOException {
        return act(kind, path, action, new IOException(why));
    }

    /** A file that is shut is shut, whatever the disk says. */
    private <T> T act(Kind kind, Path path, Action<T> action, IOException failure) throws IOException {
        if (!fails(kind, path)) {
            return action.run();
        }
        if (fault == Fault.LATE || kind == Kind.CLOSE) {
            try {
                action.run();
            } catch (IOException e) {
                failure.addSuppressed(e);
            }
        }
        throw failure;
    }

    /** Whether the next one does. */
    private synchronized boolean fails(Kind kind, Path path) {
        Operation operation = new Operation(kind, path);
        int number = operations.size();
        operations.add(operation);
        boolean fails = number == failAt || number > failAt && fault == Fault.ONWARDS;
        if (fails && struck.isEmpty()) {
            struck = Optional.of(operation);
        }
        return fails;
    }

    synchronized void opened(Path path) {
        open.add(path);
    }

    synchronized void closed(Path path) {
        open.remove(path);
    }
}
