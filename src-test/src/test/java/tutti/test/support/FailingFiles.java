package tutti.test.support;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.AccessMode;
import java.nio.file.CopyOption;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileStore;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.nio.file.WatchService;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileAttributeView;
import java.nio.file.attribute.UserPrincipalLookupService;
import java.nio.file.spi.FileSystemProvider;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tutti.test.support.FailingDisk.Kind;

/** {@link FailingDisk} as java.nio.file sees it: a provider, its one file system, and paths that stand for those of the real one. */
final class FailingFiles extends FileSystemProvider {
    private final FailingDisk disk;
    private final FileSystem system = new Volume();

    FailingFiles(FailingDisk disk) {
        this.disk = disk;
    }

    Path wrap(Path real) {
        return (Path) Proxy.newProxyInstance(
                Path.class.getClassLoader(),
                new Class<?>[] {Path.class},
                (self, method, arguments) -> answer(real, method, arguments));
    }

    /** What the real path answers; paths in it, as argument or answer, are of this disk. */
    private Object answer(Path real, Method method, Object[] arguments) throws Throwable {
        switch (method.getName()) {
            case "getFileSystem":
                return system;
            case "toFile", "toUri", "register":
                throw new UnsupportedOperationException(method.getName() + " of a path that has no file of its own");
            case "equals":
                return arguments[0] instanceof Path other
                        && other.getFileSystem() == system
                        && real.equals(real(other));
            default:
        }
        Object[] unwrapped = arguments == null ? new Object[0] : arguments.clone();
        for (int i = 0; i < unwrapped.length; i++) {
            if (unwrapped[i] instanceof Path path) {
                unwrapped[i] = real(path);
            }
        }
        try {
            Object answer = method.invoke(real, unwrapped);
            if (answer instanceof Iterator<?> names) {
                List<Path> wrapped = new ArrayList<>();
                names.forEachRemaining(name -> wrapped.add(wrap((Path) name)));
                return wrapped.iterator();
            }
            return answer instanceof Path path ? wrap(path) : answer;
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    private static Path real(Path path) {
        return Path.of(path.toString());
    }

    @Override
    public FileChannel newFileChannel(Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
            throws IOException {
        Path real = real(path);
        FileChannel channel = disk.named(Kind.OPEN, real, () -> FileChannel.open(real, options, attributes));
        return new FailingChannel(disk, real, channel);
    }

    @Override
    public SeekableByteChannel newByteChannel(
            Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes) throws IOException {
        return newFileChannel(path, options, attributes);
    }

    @Override
    public DirectoryStream<Path> newDirectoryStream(Path path, DirectoryStream.Filter<? super Path> filter)
            throws IOException {
        Path real = real(path);
        DirectoryStream<Path> names = disk.named(Kind.OPEN, real, () -> Files.newDirectoryStream(real));
        disk.opened(real);
        Iterator<Path> each = names.iterator();
        return new DirectoryStream<>() {
            @Override
            public Iterator<Path> iterator() {
                return new Iterator<>() {
                    @Override
                    public boolean hasNext() {
                        return each.hasNext();
                    }

                    @Override
                    public Path next() {
                        try {
                            return disk.unnamed(Kind.LIST, real, () -> wrap(each.next()));
                        } catch (IOException e) {
                            throw new DirectoryIteratorException(e);
                        }
                    }
                };
            }

            @Override
            public void close() throws IOException {
                disk.closed(real);
                names.close();
            }
        };
    }

    @Override
    public void createDirectory(Path path, FileAttribute<?>... attributes) throws IOException {
        disk.named(Kind.MAKE, real(path), () -> Files.createDirectory(real(path), attributes));
    }

    @Override
    public void delete(Path path) throws IOException {
        disk.named(Kind.DELETE, real(path), () -> {
            Files.delete(real(path));
            return path;
        });
    }

    @Override
    public void move(Path from, Path to, CopyOption... options) throws IOException {
        disk.named(Kind.MOVE, real(from), () -> Files.move(real(from), real(to), options));
    }

    @Override
    public void checkAccess(Path path, AccessMode... modes) throws IOException {
        disk.named(Kind.LOOK, real(path), () -> {
            real(path).getFileSystem().provider().checkAccess(real(path), modes);
            return path;
        });
    }

    @Override
    public <A extends BasicFileAttributes> A readAttributes(Path path, Class<A> type, LinkOption... options)
            throws IOException {
        return disk.named(Kind.LOOK, real(path), () -> Files.readAttributes(real(path), type, options));
    }

    @Override
    public boolean isSameFile(Path path, Path other) {
        return path.equals(other);
    }

    @Override
    public String getScheme() {
        return "failing";
    }

    @Override
    public boolean isHidden(Path path) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void copy(Path from, Path to, CopyOption... options) {
        throw new UnsupportedOperationException();
    }

    @Override
    public FileStore getFileStore(Path path) {
        throw new UnsupportedOperationException();
    }

    @Override
    public <V extends FileAttributeView> V getFileAttributeView(Path path, Class<V> type, LinkOption... options) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Map<String, Object> readAttributes(Path path, String attributes, LinkOption... options) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void setAttribute(Path path, String attribute, Object value, LinkOption... options) {
        throw new UnsupportedOperationException();
    }

    @Override
    public FileSystem newFileSystem(URI uri, Map<String, ?> environment) {
        throw new UnsupportedOperationException();
    }

    @Override
    public FileSystem getFileSystem(URI uri) {
        return system;
    }

    @Override
    public Path getPath(URI uri) {
        return wrap(Path.of(uri.getPath()));
    }

    private final class Volume extends FileSystem {
        private final FileSystem real = FileSystems.getDefault();

        @Override
        public FileSystemProvider provider() {
            return FailingFiles.this;
        }

        @Override
        public Path getPath(String first, String... more) {
            return wrap(real.getPath(first, more));
        }

        @Override
        public boolean isOpen() {
            return true;
        }

        @Override
        public boolean isReadOnly() {
            return false;
        }

        @Override
        public String getSeparator() {
            return real.getSeparator();
        }

        @Override
        public Set<String> supportedFileAttributeViews() {
            return Set.of("basic");
        }

        @Override
        public void close() {
            throw new UnsupportedOperationException();
        }

        @Override
        public Iterable<Path> getRootDirectories() {
            throw new UnsupportedOperationException();
        }

        @Override
        public Iterable<FileStore> getFileStores() {
            throw new UnsupportedOperationException();
        }

        @Override
        public PathMatcher getPathMatcher(String pattern) {
            throw new UnsupportedOperationException();
        }

        @Override
        public UserPrincipalLookupService getUserPrincipalLookupService() {
            throw new UnsupportedOperationException();
        }

        @Override
        public WatchService newWatchService() {
            throw new UnsupportedOperationException();
        }
    }
}
