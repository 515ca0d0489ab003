package tutti.coordinator.run;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.common.checkpoint.Checkpoints;
import tutti.common.checkpoint.CommitDir;
import tutti.common.checkpoint.FileDigest;
import tutti.common.config.OutputConfig;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.protocol.WorkerReport.PartFailed;
import tutti.common.protocol.WorkerReport.PartWritten;

/**
 * Checkpoints between the first part and the rename. A checkpoint is committed when every rank has written its part, and abandoned
 * when a disk did not take one; syncing, renaming and deleting happen on a thread of their own. Used by the run actor alone.
 */
final class Commits implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Commits.class);

    private final OutputConfig output;
    private final Map<Long, Pending> open = new HashMap<>();
    private final ExecutorService disk;

    private record Pending(
            CommitDir folder, Set<Integer> ranks, Map<String, FileDigest> files, List<String> failures) {}

    /** How a checkpoint ended. */
    sealed interface Outcome {
        /** Steps completed when it was taken. */
        long step();
    }

    /** @param deleted older ones beyond the limit */
    record Committed(long step, Path folder, List<Path> deleted) implements Outcome {}

    /** Nothing is left of it; older ones stay. */
    record Abandoned(long step, String reason) implements Outcome {}

    /** @param disk runs one task after the other; closed with this */
    Commits(OutputConfig output, ExecutorService disk) {
        this.output = output;
        this.disk = disk;
    }

    static ExecutorService ownThread() {
        return Executors.newSingleThreadExecutor(task -> {
            Thread thread = new Thread(task, "tutti-commit");
            thread.setDaemon(true);
            return thread;
        });
    }

    /**
     * Makes the partial folder, before any rank is told to write.
     *
     * @throws TuttiException (environment) if the disk does not take it
     */
    void open(long step) {
        CommitDir folder = CommitDir.begin(output.folder(), Checkpoints.name(step));
        open.put(step, new Pending(folder, new HashSet<>(), new HashMap<>(), new ArrayList<>()));
    }

    /** @return whether this was the last part */
    boolean add(PartWritten part, int worldSize) {
        Optional<Pending> pending = pending(part.rank(), part.step());
        pending.ifPresent(its -> part.files()
                .forEach(file -> its.files().put(file.name(), new FileDigest(file.bytes(), file.sha256()))));
        return pending.isPresent() && isLast(pending.get(), part.rank(), worldSize);
    }

    /** @return whether this was the last part */
    boolean add(PartFailed part, int worldSize) {
        Optional<Pending> pending = pending(part.rank(), part.step());
        pending.ifPresent(its -> its.failures().add("rank %d: %s".formatted(part.rank(), part.message())));
        return pending.isPresent() && isLast(pending.get(), part.rank(), worldSize);
    }

    /** Empty where it has ended: that part was told twice. */
    private Optional<Pending> pending(int rank, long step) {
        Optional<Pending> pending = Optional.ofNullable(open.get(step));
        if (pending.isEmpty()) {
            LOG.warn("rank {}: a part of {}, which is not being written; ignored", rank, Checkpoints.name(step));
        }
        return pending;
    }

    private static boolean isLast(Pending pending, int rank, int worldSize) {
        pending.ranks().add(rank);
        return pending.ranks().size() == worldSize;
    }

    /**
     * Commits or abandons, when every rank's part has ended. Completes exceptionally with faults of ours alone.
     *
     * @param best step of an older one that stays, however many there may be
     */
    CompletableFuture<Outcome> settle(long step, OptionalLong best) {
        Pending pending = open.remove(step);
        return CompletableFuture.supplyAsync(
                () -> {
                    if (!pending.failures().isEmpty()) {
                        return abandon(step, pending, String.join("; ", pending.failures()));
                    }
                    try {
                        Path folder = pending.folder().commit(step, pending.files());
                        return new Committed(step, folder, prune(step, best));
                    } catch (TuttiException e) {
                        if (e.category() != Category.ENVIRONMENT) {
                            throw e;
                        }
                        return abandon(step, pending, e.getMessage());
                    }
                },
                disk);
    }

    private static Abandoned abandon(long step, Pending pending, String reason) {
        try {
            pending.folder().close();
        } catch (TuttiException e) {
            // The next run clears it away.
            LOG.warn("{}", e.getMessage());
        }
        return new Abandoned(step, reason);
    }

    /** What cannot be deleted now is deleted behind the next commit. */
    private List<Path> prune(long step, OptionalLong best) {
        try {
            return Checkpoints.prune(output.folder(), step, output.saveTotalLimit(), best);
        } catch (TuttiException e) {
            LOG.warn("{}", e.getMessage());
            return List.of();
        }
    }

    /** Removes what some rank has not written, of checkpoints after more than so many steps. @return theirs */
    List<Long> abandonOpen(long completed) {
        List<Long> steps =
                open.keySet().stream().filter(step -> step > completed).toList();
        steps.forEach(step -> abandon(step, open.remove(step), ""));
        return steps;
    }

    /**
     * Removes what was not committed.
     *
     * @throws TuttiException (environment) the first, where some cannot be removed; the others are
     */
    @Override
    public void close() {
        disk.shutdown();
        List<TuttiException> failures = new ArrayList<>();
        for (Pending pending : open.values()) {
            try {
                pending.folder().close();
            } catch (TuttiException e) {
                failures.add(e);
            }
        }
        open.clear();
        if (!failures.isEmpty()) {
            TuttiException first = failures.remove(0);
            failures.forEach(first::addSuppressed);
            throw first;
        }
    }
}
