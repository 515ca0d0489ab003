package tutti.common.checkpoint;

import static tutti.common.error.TuttiException.require;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/** The {@code checkpoint-STEP} folders of an output folder. An output folder that does not exist has none. */
public final class Checkpoints {
    private static final Pattern NAME = Pattern.compile("checkpoint-(\\d{1,18})");
    private static final Pattern LEFT_OVER = Pattern.compile("\\.(checkpoint-\\d{1,18})\\.(partial|old|trash)");

    private Checkpoints() {}

    public record Found(long step, Path path) {}

    /** A folder that looks like a checkpoint and is not a whole one. */
    public record Skipped(Path path, List<String> problems) {}

    /** @param skipped newer than the one found, newest first; worth a warning each */
    public record Newest(Optional<Found> checkpoint, List<Skipped> skipped) {}

    public static String name(long step) {
        return "checkpoint-" + step;
    }

    /** What its name says; empty: it is no checkpoint's. */
    public static OptionalLong stepOf(Path folder) {
        Matcher name = NAME.matcher(String.valueOf(folder.getFileName()));
        return name.matches() ? OptionalLong.of(Long.parseLong(name.group(1))) : OptionalLong.empty();
    }

    /** All of them, newest first, whole or not. */
    public static List<Found> list(Path output) {
        List<Found> found = new ArrayList<>();
        for (Path path : children(output)) {
            OptionalLong step = stepOf(path);
            if (step.isPresent() && isFolder(path)) {
                found.add(new Found(step.getAsLong(), path));
            }
        }
        found.sort(Comparator.comparingLong(Found::step).reversed());
        return found;
    }

    /**
     * The newest one whose every file has the size and hash of its manifest. Reads all of it.
     *
     * @throws TuttiException (environment) if none is found, and a disk that does not answer may hold one
     */
    public static Newest newest(Path output) {
        List<Skipped> skipped = new ArrayList<>();
        List<String> unread = new ArrayList<>();
        for (Found candidate : list(output)) {
            Manifest.Verdict verdict = Manifest.verify(candidate.path()).andStep(candidate.step());
            if (verdict.ok()) {
                return new Newest(Optional.of(candidate), List.copyOf(skipped));
            }
            skipped.add(new Skipped(candidate.path(), verdict.problems()));
            if (verdict.unread()) {
                unread.add(candidate.path() + ": " + String.join("; ", verdict.problems()));
            }
        }
        // Who starts anew because of that would write over what he has.
        require(
                unread.isEmpty(),
                Category.ENVIRONMENT,
                "no whole checkpoint, but not all could be read: %s; look at the disk",
                String.join("; ", unread));
        return new Newest(Optional.empty(), List.copyOf(skipped));
    }

    /**
     * Deletes what is older than the {@code keep} newest ones. The one just committed counts as the first of them, so it stays
     * whatever lies beside it; torn ones do not count, and later ones, which an earlier run left, are not touched.
     *
     * @param committed step of a checkpoint that is whole and durable
     * @param keep {@code --save_total_limit}; below 1 deletes nothing
     * @param best step of one that stays beside those, if there is one
     * @return what was deleted
     */
    public static List<Path> prune(Path output, long committed, int keep, OptionalLong best) {
        List<Path> deleted = new ArrayList<>();
        int kept = 1;
        for (Found checkpoint : list(output)) {
            if (keep < 1 || checkpoint.step() >= committed) {
                continue;
            }
            boolean isBest = best.isPresent() && best.getAsLong() == checkpoint.step();
            if (kept < keep) {
                // Sizes are enough here: newest() has the last word when a run resumes.
                kept += Manifest.verifySizes(checkpoint.path()).ok() ? 1 : 0;
            } else if (!isBest) {
                delete(output, checkpoint.path());
                deleted.add(checkpoint.path());
            }
        }
        return deleted;
    }

    /**
     * Clears what a crash left: half-written and half-deleted folders go; a folder set aside for a replacement that never
     * came takes its name back. Call it when a run starts, before any {@link CommitDir#begin}.
     *
     * @return what was removed or put back
     */
    public static List<Path> sweep(Path output) {
        List<Path> swept = new ArrayList<>();
        for (Path path : children(output)) {
            Matcher name = LEFT_OVER.matcher(path.getFileName().toString());
            if (name.matches()) {
                Path target = output.resolve(name.group(1));
                try {
                    if (path.toString().endsWith(CommitDir.OLD)
                            && Listing.look(target).isEmpty()) {
                        Files.move(path, target, StandardCopyOption.ATOMIC_MOVE);
                    } else {
                        CommitDir.deleteTree(path);
                    }
                } catch (IOException e) {
                    throw new TuttiException(Category.ENVIRONMENT, path + ": cannot be cleared: " + e, e);
                }
                swept.add(path);
            }
        }
        return swept;
    }

    private static void delete(Path output, Path checkpoint) {
        Path trash = output.resolve("." + checkpoint.getFileName() + ".trash");
        try {
            // Renamed first, so that a crash half-way does not leave a torn checkpoint under a good name.
            CommitDir.deleteTree(trash);
            Files.move(checkpoint, trash, StandardCopyOption.ATOMIC_MOVE);
            CommitDir.deleteTree(trash);
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, checkpoint + ": cannot be deleted: " + e, e);
        }
    }

    private static boolean isFolder(Path path) {
        try {
            return Listing.isFolder(path);
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, path + ": cannot be looked at: " + e, e);
        }
    }

    private static List<Path> children(Path output) {
        try {
            return Listing.isFolder(output) ? Listing.children(output) : List.of();
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, output + ": cannot be listed: " + e, e);
        }
    }
}
