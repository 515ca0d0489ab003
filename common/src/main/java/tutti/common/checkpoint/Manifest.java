package tutti.common.checkpoint;

import static tutti.common.error.TuttiException.require;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/**
 * {@code MANIFEST.json}: what a whole checkpoint consists of. It is written last, so a folder without it is not a checkpoint.
 *
 * @param formatVersion 1; a newer one is not read
 * @param step optimizer steps done when the checkpoint was taken
 */
public record Manifest(
        @JsonProperty("format_version") int formatVersion,
        @JsonProperty("step") long step,
        @JsonProperty("files") List<Item> files) {
    public static final String FILE_NAME = "MANIFEST.json";
    private static final int VERSION = 1;
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(SerializationFeature.INDENT_OUTPUT)
            .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
            .build();

    /** A file of the checkpoint; {@code name} is relative to its folder, with slashes. */
    public record Item(
            @JsonProperty("name") String name,
            @JsonProperty("bytes") long bytes,
            @JsonProperty("sha256") String sha256) {}

    /**
     * What {@link #verify} found; a damaged checkpoint is an expected outcome, not an exception.
     *
     * @param step of the manifest, -1 where that cannot be read
     * @param problems one line each: the file, what was written, what was found
     * @param unread the disk did not answer: what it was asked for may be whole
     */
    public record Verdict(long step, List<String> problems, boolean unread) {
        public boolean ok() {
            return problems.isEmpty();
        }

        /** A folder's name and its manifest must tell the same step. */
        Verdict andStep(long named) {
            return !ok() || step == named
                    ? this
                    : new Verdict(
                            step,
                            List.of("%s: step %d, but the folder is named for step %d"
                                    .formatted(FILE_NAME, step, named)),
                            false);
        }
    }

    public Manifest {
        files = List.copyOf(files);
    }

    /**
     * Lists every file now in {@code folder}, sub-folders included, by name.
     *
     * @param known digests taken while writing, by file name; where there are none files are read and hashed here
     * @throws TuttiException (environment) if not all of the known ones are there, or others are: one that was cut off from the run may
     *     write on into a folder of the same name
     */
    public static Manifest of(Path folder, long step, Map<String, FileDigest> known) {
        Set<String> missing = new TreeSet<>(known.keySet());
        try {
            List<Item> items = new ArrayList<>();
            for (Path file : Listing.tree(folder)) {
                String name = folder.relativize(file).toString().replace('\\', '/');
                if (!name.equals(FILE_NAME) && Listing.isFile(file)) {
                    require(
                            known.isEmpty() || known.containsKey(name),
                            Category.ENVIRONMENT,
                            "%s: written by nobody who takes part in the run",
                            file);
                    FileDigest digest = known.isEmpty() ? FileDigest.of(file) : known.get(name);
                    items.add(new Item(name, digest.bytes(), digest.sha256()));
                    missing.remove(name);
                }
            }
            require(
                    missing.isEmpty(),
                    Category.ENVIRONMENT,
                    "%s: %s written, but not there; all ranks need the same --output_dir, on a disk that all share",
                    folder,
                    missing);
            return new Manifest(VERSION, step, items);
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, folder + ": cannot be listed for its manifest: " + e, e);
        }
    }

    /** Writes {@value #FILE_NAME} into {@code folder} and forces it to the disk. */
    public void write(Path folder) {
        Path file = folder.resolve(FILE_NAME);
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            ByteBuffer text = ByteBuffer.wrap(JSON.writeValueAsBytes(this));
            while (text.hasRemaining()) {
                channel.write(text);
            }
            channel.force(true);
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, file + ": cannot be written (disk full?): " + e, e);
        }
    }

    /** A manifest that is missing, damaged or of a newer format is a DATA failure. */
    public static Manifest read(Path folder) {
        Path file = folder.resolve(FILE_NAME);
        Manifest manifest;
        try {
            require(Listing.isFile(file), Category.DATA, "%s: has no %s, so it was never committed", folder, FILE_NAME);
            manifest = JSON.readValue(Files.readAllBytes(file), Manifest.class);
        } catch (JsonProcessingException e) {
            throw new TuttiException(
                    Category.DATA,
                    file + ": damaged: "
                            + e.getOriginalMessage().lines().findFirst().orElse(""),
                    e);
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, file + ": cannot be read: " + e, e);
        }
        if (manifest.formatVersion != VERSION) {
            throw TuttiException.data(
                    "%s: format_version %d, this Tutti reads %d; use the Tutti that wrote it",
                    file, manifest.formatVersion, VERSION);
        }
        return manifest;
    }

    /** Reads and hashes every file: as slow as the disk, and finds a single flipped bit. */
    public static Verdict verify(Path folder) {
        return check(folder, true);
    }

    /** Looks only at names and sizes: fast, finds missing and torn files. */
    public static Verdict verifySizes(Path folder) {
        return check(folder, false);
    }

    private static Verdict check(Path folder, boolean hash) {
        Manifest manifest;
        try {
            manifest = read(folder);
        } catch (TuttiException e) {
            return new Verdict(-1, List.of(e.getMessage()), e.category() == Category.ENVIRONMENT);
        }
        List<String> problems = new ArrayList<>();
        boolean unread = false;
        for (Item item : manifest.files) {
            try {
                problem(folder, item, hash).ifPresent(problem -> problems.add(item.name() + ": " + problem));
            } catch (IOException e) {
                problems.add(item.name() + ": cannot be read: " + e);
                unread = true;
            }
        }
        return new Verdict(manifest.step, List.copyOf(problems), unread);
    }

    private static Optional<String> problem(Path folder, Item item, boolean hash) throws IOException {
        Path file = folder.resolve(item.name()).normalize();
        if (!file.startsWith(folder.normalize())) {
            return Optional.of("lies outside the checkpoint");
        }
        Optional<BasicFileAttributes> there = Listing.look(file).filter(BasicFileAttributes::isRegularFile);
        if (there.isEmpty()) {
            return Optional.of("missing; written were %d bytes".formatted(item.bytes()));
        }
        if (there.get().size() != item.bytes()) {
            return Optional.of(
                    "has %d bytes, written were %d".formatted(there.get().size(), item.bytes()));
        }
        String found = hash ? FileDigest.of(file).sha256() : item.sha256();
        return found.equals(item.sha256())
                ? Optional.empty()
                : Optional.of("SHA-256 is %s, written was %s: bits have changed".formatted(found, item.sha256()));
    }
}
