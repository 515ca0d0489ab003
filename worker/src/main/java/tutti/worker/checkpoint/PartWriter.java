package tutti.worker.checkpoint;

import static tutti.common.error.TuttiException.environment;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.protocol.WorkerReport.WrittenFile;
import tutti.worker.allreduce.Collectives;
import tutti.worker.allreduce.Partition;
import tutti.worker.tensor.DType;

/**
 * Writes this rank's parts of checkpoints on a thread of its own, one after the other, while training goes on. Nothing is copied for
 * it: the files take the bytes while the next step computes its gradients, and that step waits in {@link #awaitRead} if they have not
 * taken all when the weights are to change. Hashes and the disk hold nobody up.
 *
 * <p>One training thread calls; {@link Outcome} is told by the writing thread.
 */
public final class PartWriter implements AutoCloseable {
    /** A disk may be slow; one that takes nothing for so long is broken. */
    private static final Duration DISK_PATIENCE = Duration.ofMinutes(30);
    /** For a thread that was interrupted in a write. */
    private static final Duration CLOSE_PATIENCE = Duration.ofSeconds(10);

    private final CheckpointWriter files;
    private final Collectives collectives;
    private final ExecutorService thread;
    private CompletableFuture<Void> read = CompletableFuture.completedFuture(null);
    private CompletableFuture<Void> done = CompletableFuture.completedFuture(null);
    private boolean begun;

    /** Who hears how a part ended: exactly one of these for each. */
    public interface Outcome {
        /** @param files synced, with their sizes and hashes */
        void written(List<WrittenFile> files);

        /** @param cause of category environment where the disk is to blame; then training can go on without this checkpoint */
        void failed(TuttiException cause);
    }

    public PartWriter(CheckpointWriter files, Collectives collectives) {
        this.files = files;
        this.collectives = collectives;
        this.thread = Executors.newSingleThreadExecutor(task -> {
            Thread writer = new Thread(task, "tutti-checkpoint-" + collectives.rank());
            writer.setDaemon(true);
            return writer;
        });
    }

    /**
     * Begins to write this rank's part into a folder that exists; all ranks begin at the same step. Where master weights are sharded,
     * the model is gathered and written before this returns.
     *
     * @throws TuttiException (peer) if another rank is lost while weights are gathered
     */
    public void begin(Path folder, TrainerState state, Outcome outcome) {
        CheckpointWriter.Part part = files.begin(folder, state);
        CompletableFuture<Void> reading = new CompletableFuture<>();
        read = reading;
        done = CompletableFuture.runAsync(() -> write(part, reading, outcome), thread);
        begun = true;
    }

    private static void write(CheckpointWriter.Part part, CompletableFuture<Void> reading, Outcome outcome) {
        try {
            part.write();
            reading.complete(null);
            outcome.written(part.seal());
        } catch (TuttiException e) {
            outcome.failed(e);
        } catch (RuntimeException | Error e) {
            outcome.failed(new TuttiException(Category.BUG, "writing a checkpoint failed: " + e, e));
        } finally {
            reading.complete(null);
        }
    }

    /**
     * Returns when weights and moments may change: all ranks have read what they write. They wait here together, so that none of
     * them takes one with a slow disk for lost. At once where no part was begun since the last call.
     */
    public void awaitRead() {
        if (!begun) {
            return;
        }
        begun = false;
        await(read, "is being read");
        int ranks = collectives.worldSize();
        collectives.allGatherAndWait(
                "checkpoint is read",
                ByteBuffer.allocateDirect(ranks),
                DType.U8,
                Partition.even(ranks, ranks),
                DISK_PATIENCE);
    }

    /** Returns when the last part that was begun has ended, well or not. */
    public void awaitDone() {
        await(done, "is being written");
    }

    private static void await(CompletableFuture<Void> stage, String what) {
        try {
            stage.get(DISK_PATIENCE.toSeconds(), TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            throw environment("a checkpoint %s for more than %d s; look at the disk", what, DISK_PATIENCE.toSeconds());
        } catch (ExecutionException e) {
            throw new IllegalStateException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new TuttiException(Category.PEER, "interrupted while a checkpoint " + what, e);
        }
    }

    /** Abandons what is being written, however slow the disk is. When it returns, no tensor is read any more. */
    public void abandon() {
        thread.shutdownNow();
        await(read, "is being read");
    }

    /** Abandons what is being written. When it returns, nothing is read or written any more. */
    @Override
    public void close() {
        thread.shutdownNow();
        boolean interrupted = false;
        try {
            if (!thread.awaitTermination(CLOSE_PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                throw environment("a checkpoint's write hangs in the disk; its memory is not given back");
            }
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
