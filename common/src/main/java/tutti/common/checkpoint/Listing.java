package tutti.common.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What lies in folders. {@code Files.exists} and its kin say no where the disk does not answer, and streams of names fail by an
 * exception that few expect: so a file could be overlooked. Here what the disk does not tell is an {@code IOException}.
 */
public final class Listing {
    private Listing() {}

    /** Empty where nothing has this name. */
    public static Optional<BasicFileAttributes> look(Path path) throws IOException {
        try {
            return Optional.of(Files.readAttributes(path, BasicFileAttributes.class));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    public static boolean isFile(Path path) throws IOException {
        return look(path).filter(BasicFileAttributes::isRegularFile).isPresent();
    }

    public static boolean isFolder(Path path) throws IOException {
        return look(path).filter(BasicFileAttributes::isDirectory).isPresent();
    }

    /** By name. */
    public static List<Path> children(Path folder) throws IOException {
        return drain(Files.list(folder));
    }

    /** The folder and all below it, parents before children; links are not followed. */
    static List<Path> tree(Path folder) throws IOException {
        return drain(Files.walk(folder));
    }

    private static List<Path> drain(Stream<Path> names) throws IOException {
        try (names) {
            return names.sorted().toList();
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }
}
