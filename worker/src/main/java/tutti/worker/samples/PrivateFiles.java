package tutti.worker.samples;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import tutti.common.checkpoint.Listing;

/** Folders and files for this user alone: what a model is trained on is nobody else's business. */
final class PrivateFiles {
    private static final FileAttribute<?> FILE =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
    private static final String FOLDER = "rwx------";

    private PrivateFiles() {}

    /** Makes it, and what is above it, where it is not there; one that is keeps its permissions. */
    static void folder(Path folder) throws IOException {
        if (Listing.isFolder(folder)) {
            // A link to one is refused by what follows.
            return;
        }
        Files.createDirectories(folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(FOLDER)));
    }

    /** Takes permissions away. */
    static void close(Path folder) throws IOException {
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString(FOLDER));
    }

    /** For reading and writing; made where it is not there. */
    static FileChannel open(Path file) throws IOException {
        return channel(file, Set.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE));
    }

    /** A new file. */
    static FileChannel create(Path file) throws IOException {
        return channel(file, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
    }

    static void write(Path file, byte[] content) throws IOException {
        try (OutputStream out = Channels.newOutputStream(create(file))) {
            out.write(content);
        }
    }

    private static FileChannel channel(Path file, Set<? extends OpenOption> options) throws IOException {
        return FileChannel.open(file, options, FILE);
    }
}
