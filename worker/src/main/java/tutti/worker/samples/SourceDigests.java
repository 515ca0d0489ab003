package tutti.worker.samples;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import tutti.common.checkpoint.FileDigest;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/**
 * SHA-256 of large files, each remembered in a file of its own, so that the next run need not read them for it. As git's index it trusts
 * one thing: a file with the same path, size, time of change in nanoseconds and inode has the content that it had.
 */
final class SourceDigests {
    /** A change within one tick of the file system's clock leaves the time as it was: what is that young is not remembered. */
    private static final Duration YOUNG = Duration.ofSeconds(2);

    private static final int MOST_BYTES = 1024;
    private static final int BUFFER_BYTES = 1 << 18;

    private final TokenCache cache;
    private final Path folder;

    SourceDigests(TokenCache cache) {
        this.cache = cache;
        this.folder = cache.folder().resolve("digests");
    }

    /** What is trusted. */
    record Stamp(long bytes, long changed, String inode) {
        static Stamp of(Path file) {
            try {
                BasicFileAttributes now = Files.readAttributes(file, BasicFileAttributes.class);
                return new Stamp(
                        now.size(),
                        now.lastModifiedTime().to(TimeUnit.NANOSECONDS),
                        String.valueOf(now.fileKey()).replaceAll("\\s", "_"));
            } catch (IOException e) {
                throw new TuttiException(Category.ENVIRONMENT, file + ": cannot be read: " + e, e);
            }
        }

        String line(String sha256) {
            return "%d %d %s %s%n".formatted(bytes, changed, inode, sha256);
        }
    }

    /**
     * @param stamp of the file now
     * @throws TuttiException (data) if the file changes meanwhile
     */
    FileDigest of(Path file, Stamp stamp, Consumer<String> progress) throws IOException {
        PrivateFiles.folder(folder);
        String name = FileDigest.of(file.toAbsolutePath().toString().getBytes(StandardCharsets.UTF_8))
                .sha256();
        Path memory = folder.resolve(name);
        Optional<FileDigest> known = recall(memory, stamp);
        if (known.isPresent()) {
            return known.get();
        }
        try (CacheLock lock = cache.lock(folder.resolve(name + ".lock"), progress)) {
            known = recall(memory, stamp);
            return known.isPresent() ? known.get() : take(file, stamp, memory, cache.telling(lock, progress));
        }
    }

    private static Optional<FileDigest> recall(Path memory, Stamp stamp) throws IOException {
        if (!Files.isRegularFile(memory) || Files.size(memory) > MOST_BYTES) {
            return Optional.empty();
        }
        String line = Files.readString(memory, StandardCharsets.ISO_8859_1);
        String sha256 = line.strip().replaceFirst(".* ", "");
        // Whatever else stands there is not of this file as it is now.
        boolean same = sha256.matches("[0-9a-f]{64}") && line.equals(stamp.line(sha256));
        return same ? Optional.of(new FileDigest(stamp.bytes(), sha256)) : Optional.empty();
    }

    private FileDigest take(Path file, Stamp stamp, Path memory, Consumer<String> progress) throws IOException {
        Instant began = cache.now().instant();
        FileDigest digest = read(file, stamp.bytes(), progress);
        requireUnchanged(file, stamp);
        Instant changed = Instant.EPOCH.plusNanos(stamp.changed());
        if (changed.plus(YOUNG).isBefore(began)) {
            Path partial = memory.resolveSibling(memory.getFileName() + ".partial");
            Files.deleteIfExists(partial);
            PrivateFiles.write(partial, stamp.line(digest.sha256()).getBytes(StandardCharsets.ISO_8859_1));
            Files.move(partial, memory, StandardCopyOption.ATOMIC_MOVE);
        }
        return digest;
    }

    static void requireUnchanged(Path file, Stamp stamp) {
        TuttiException.require(
                Stamp.of(file).equals(stamp),
                Category.DATA,
                "%s: was changed while it was read; run again when it is complete",
                file);
    }

    private static FileDigest read(Path file, long bytes, Consumer<String> progress) throws IOException {
        MessageDigest sha256 = FileDigest.newSha256();
        byte[] buffer = new byte[BUFFER_BYTES];
        long done = 0;
        try (InputStream in = Files.newInputStream(file)) {
            for (int got = in.read(buffer); got >= 0; got = in.read(buffer)) {
                sha256.update(buffer, 0, got);
                done += got;
                progress.accept("hashing %s, %,d of %,d MiB".formatted(file, done >> 20, bytes >> 20));
            }
        }
        return new FileDigest(done, FileDigest.hex(sha256));
    }
}
