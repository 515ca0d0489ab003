package tutti.worker.samples;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import tutti.common.checkpoint.CommitDir;
import tutti.common.checkpoint.FileDigest;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.worker.samples.SourceDigests.Stamp;

/**
 * Tokens of data sets, kept from run to run. An entry is a folder that is there whole or not at all; one process makes it, others that
 * want it wait. Nothing is ever removed here: the user may delete any of it when no run uses it.
 *
 * @param patience with another process that makes an entry and does not get on
 * @param clock nanoseconds
 */
public record TokenCache(Path folder, Duration patience, LongSupplier clock, InstantSource now) {
    /** Longer than it takes to force a large entry to a slow disk. */
    private static final Duration PATIENCE = Duration.ofMinutes(10);

    public TokenCache(Path folder) {
        this(folder, PATIENCE, System::nanoTime, InstantSource.system());
    }

    CacheLock lock(Path file, Consumer<String> progress) {
        return CacheLock.take(file, patience, clock, progress);
    }

    /** Tells those who wait for the lock, too. */
    Consumer<String> telling(CacheLock lock, Consumer<String> progress) {
        return progress.andThen(lock::say);
    }

    /**
     * From the cache, where they are made first if they are not there, or damaged.
     *
     * @throws TuttiException (environment) if the folder cannot be written
     */
    LoadedSamples open(SampleSource source, Consumer<String> progress) {
        try {
            PrivateFiles.folder(folder);
            List<Stamp> stamps = source.paths().files().stream().map(Stamp::of).toList();
            Path entry = folder.resolve(EntryName.of(source, digests(source, stamps, progress)));
            FileSamples.Opened first = FileSamples.open(entry);
            if (first.samples().isPresent()) {
                return known(first.samples().get(), source, entry);
            }
            try (CacheLock lock = lock(folder.resolve(entry.getFileName() + ".lock"), progress)) {
                FileSamples.Opened second = FileSamples.open(entry);
                if (second.samples().isPresent()) {
                    return known(second.samples().get(), source, entry);
                }
                make(source, stamps, entry, telling(lock, progress));
                return made(source, entry, second.damage());
            }
        } catch (UncheckedIOException | IOException e) {
            throw new TuttiException(
                    Category.ENVIRONMENT,
                    folder + ": cannot be used as a cache for tokens (rights? disk full?): " + e
                            + "; give a --cache_dir with room for about as much as the data",
                    e);
        }
    }

    private List<FileDigest> digests(SampleSource source, List<Stamp> stamps, Consumer<String> progress)
            throws IOException {
        SourceDigests digests = new SourceDigests(this);
        List<FileDigest> all = new ArrayList<>();
        for (int file = 0; file < stamps.size(); file++) {
            all.add(digests.of(source.paths().files().get(file), stamps.get(file), progress));
        }
        return all;
    }

    private void make(SampleSource source, List<Stamp> stamps, Path entry, Consumer<String> progress)
            throws IOException {
        List<Path> files = source.paths().files();
        try (CommitDir commit = CommitDir.begin(folder, entry.getFileName().toString())) {
            PrivateFiles.close(commit.path());
            try (EntryWriter writer = new EntryWriter(commit.path())) {
                Summary summary = SampleEncoding.run(source, writer::add, progress);
                for (int file = 0; file < stamps.size(); file++) {
                    SourceDigests.requireUnchanged(files.get(file), stamps.get(file));
                }
                writer.finish(files, summary);
            }
            progress.accept("writing " + entry);
            commit.commit();
        }
    }

    private static LoadedSamples known(FileSamples samples, SampleSource source, Path entry) {
        return loaded(samples, source, "data: tokens come from %s (%s)".formatted(entry, size(samples)));
    }

    /** @param damage of what was there before; empty if there was nothing */
    private static LoadedSamples made(SampleSource source, Path entry, String damage) {
        FileSamples samples = FileSamples.open(entry)
                .samples()
                .orElseThrow(() -> TuttiException.environment(
                        "%s: was written and cannot be read back; is the disk sound?", entry));
        String again = damage.isEmpty() ? "" : "; what was there is replaced: " + damage;
        return loaded(
                samples,
                source,
                "data: tokens are kept in %s (%s) for the next run%s".formatted(entry, size(samples), again));
    }

    private static String size(FileSamples samples) {
        return "%,d MiB".formatted((samples.bytes() >> 20) + 1);
    }

    private static LoadedSamples loaded(FileSamples samples, SampleSource source, String note) {
        return LoadedSamples.of(source, samples, samples.summary(source.paths().files()), List.of(note));
    }
}
