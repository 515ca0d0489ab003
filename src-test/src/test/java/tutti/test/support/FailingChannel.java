package tutti.test.support;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import tutti.test.support.FailingDisk.Kind;

/** An open file of a {@link FailingDisk}. Whether it is written to shows when it is closed: only then a disk has a say in that. */
final class FailingChannel extends FileChannel {
    /** Most that one call moves: a prime, so that no tensor ends where a call does. */
    private static final int MOST_BYTES = 9973;

    private final FailingDisk disk;
    private final Path path;
    private final FileChannel real;
    private volatile boolean written;

    FailingChannel(FailingDisk disk, Path path, FileChannel real) {
        this.disk = disk;
        this.path = path;
        this.real = real;
        disk.opened(path);
    }

    private interface Transfer {
        int move(ByteBuffer part) throws IOException;
    }

    private static int part(ByteBuffer bytes, int most, Transfer transfer) throws IOException {
        ByteBuffer part = bytes.slice(bytes.position(), Math.min(bytes.remaining(), most));
        int moved = transfer.move(part);
        bytes.position(bytes.position() + Math.max(0, moved));
        return moved;
    }

    @Override
    public int read(ByteBuffer into) throws IOException {
        return disk.unnamed(Kind.READ, path, () -> part(into, MOST_BYTES, real::read));
    }

    @Override
    public int read(ByteBuffer into, long at) throws IOException {
        return disk.unnamed(Kind.READ, path, () -> part(into, MOST_BYTES, some -> real.read(some, at)));
    }

    @Override
    public int write(ByteBuffer bytes) throws IOException {
        written = true;
        // The first half is on the disk even if that fails.
        int first = part(bytes, Math.min(bytes.remaining(), MOST_BYTES) / 2, real::write);
        return first + disk.unnamed(Kind.WRITE, path, () -> part(bytes, MOST_BYTES - first, real::write));
    }

    @Override
    public long position() throws IOException {
        return real.position();
    }

    @Override
    public FileChannel position(long at) throws IOException {
        real.position(at);
        return this;
    }

    @Override
    public long size() throws IOException {
        return disk.unnamed(Kind.SIZE, path, real::size);
    }

    /** A test's machine does not lose its power. */
    @Override
    public void force(boolean metaData) throws IOException {
        disk.unnamed(Kind.FORCE, path, () -> path);
    }

    @Override
    protected void implCloseChannel() throws IOException {
        disk.closed(path);
        if (written) {
            disk.unnamed(Kind.CLOSE, path, () -> {
                real.close();
                return path;
            });
        } else {
            real.close();
        }
    }

    @Override
    public long read(ByteBuffer[] into, int offset, int length) {
        throw new UnsupportedOperationException();
    }

    @Override
    public long write(ByteBuffer[] bytes, int offset, int length) {
        throw new UnsupportedOperationException();
    }

    @Override
    public int write(ByteBuffer bytes, long at) {
        throw new UnsupportedOperationException();
    }

    @Override
    public FileChannel truncate(long size) {
        throw new UnsupportedOperationException();
    }

    @Override
    public long transferTo(long at, long count, WritableByteChannel target) {
        throw new UnsupportedOperationException();
    }

    @Override
    public long transferFrom(ReadableByteChannel source, long at, long count) {
        throw new UnsupportedOperationException();
    }

    @Override
    public MappedByteBuffer map(MapMode mode, long at, long size) {
        throw new UnsupportedOperationException();
    }

    @Override
    public FileLock lock(long at, long size, boolean shared) {
        throw new UnsupportedOperationException();
    }

    @Override
    public FileLock tryLock(long at, long size, boolean shared) {
        throw new UnsupportedOperationException();
    }
}
