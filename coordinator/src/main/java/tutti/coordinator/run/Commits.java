package tutti.coordinator.run;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import tutti.common.checkpoint.Checkpoints;
import tutti.common.checkpoint.CommitDir;
import tutti.common.checkpoint.FileDigest;
import tutti.common.config.OutputConfig;
import tutti.common.error.TuttiException;
import tutti.common.protocol.WorkerReport.PartWritten;

/**
 * Checkpoints between the first part and the rename. A checkpoint is committed when every rank has written its part; syncing and
 * renaming happen on a thread of their own. Used by the run actor alone.
 */
final class Commits implements AutoCloseable {
    private final OutputConfig output;
    private final Map<Long, Pending> open = new HashMap<>();
    private final ExecutorService disk = Executors.newSingleThreadExecutor(task -> {
        Thread thread = new Thread(task, "tutti-commit");
        thread.setDaemon(true);
        return thread;
    });

    private record Pending(CommitDir folder, Set<Integer> ranks, Map<String, FileDigest> files) {}

    Commits(OutputConfig output) {
        this.output = output;
    }

    /** Makes the partial folder, before any rank is told to write. {@code step} counts completed steps. */
    void open(long step) {
        CommitDir folder = CommitDir.begin(output.folder(), Checkpoints.name(step));
        open.put(step, new Pending(folder, new HashSet<>(), new HashMap<>()));
    }

    /** @return whether this was the last part */
    boolean add(PartWritten part, int worldSize) {
        Pending pending = open.get(part.step() + 1);
        if (pending == null) {
            throw TuttiException.bug("rank %d wrote a part of step %d that nobody asked for", part.rank(), part.step());
        }
        pending.ranks().add(part.rank());
        part.files().forEach(file -> pending.files().put(file.name(), new FileDigest(file.bytes(), file.sha256())));
        return pending.ranks().size() == worldSize;
    }

    /** The committed folder; older ones beyond the limit are gone by then. */
    CompletableFuture<Path> commit(long step) {
        Pending pending = open.remove(step);
        return CompletableFuture.supplyAsync(
                () -> {
                    Path folder = pending.folder().commit(step, pending.files());
                    if (output.saveTotalLimit() > 0) {
                        Checkpoints.prune(output.folder(), step, output.saveTotalLimit());
                    }
                    return folder;
                },
                disk);
    }

    /** Removes what was not committed. */
    @Override
    public void close() {
        disk.shutdown();
        open.values().forEach(pending -> pending.folder().close());
        open.clear();
    }
}
