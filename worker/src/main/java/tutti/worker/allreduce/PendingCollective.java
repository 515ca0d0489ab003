package tutti.worker.allreduce;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/** A collective from start to completion: what to do, and how it ended. */
final class PendingCollective implements Pending {
    final Collective what;
    final int sequence;
    /** Longest time without progress. */
    final long patienceNanos;

    private final int fingerprint;
    private final long startNanos;
    private final Thread worker;
    private final CountDownLatch ended = new CountDownLatch(1);
    // Both are written before the latch opens and read after it.
    private long endNanos;
    private TuttiException failure;

    /** {@code worker} is the thread that completes this, if it is not the one that waits. */
    PendingCollective(Collective what, int sequence, long startNanos, Thread worker, long patienceNanos) {
        this.what = what;
        this.sequence = sequence;
        this.fingerprint = what.fingerprint();
        this.startNanos = startNanos;
        this.worker = worker;
        this.patienceNanos = patienceNanos;
    }

    String describe() {
        return what.describe(sequence);
    }

    int fingerprint() {
        return fingerprint;
    }

    /** @param peer as messages name it */
    TuttiException divergedFrom(String peer) {
        return TuttiException.bug(
                "%s: %s runs another collective as its number %d; all ranks must start the same ones in the same order: "
                        + "were --reduce_dtype and --bucket_cap_mb the same on all nodes?",
                describe(), peer, sequence);
    }

    void complete(long nowNanos) {
        endNanos = nowNanos;
        ended.countDown();
    }

    void fail(TuttiException cause, long nowNanos) {
        failure = cause;
        complete(nowNanos);
    }

    @Override
    public void await() {
        try {
            // Whoever runs it ends every collective within its deadline; this loop only survives that thread's
            // loss.
            while (ended.getCount() > 0 && !ended.await(1, TimeUnit.SECONDS)) {
                if (!worker.isAlive() && ended.getCount() > 0) {
                    throw TuttiException.bug("%s: thread %s ended without completing it", describe(), worker.getName());
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new TuttiException(Category.PEER, describe() + ": interrupted while waiting; it may still run", e);
        }
        if (failure != null) {
            // A new exception per caller: its trace shows who waited, the cause shows where it broke.
            throw new TuttiException(failure.category(), failure.getMessage(), failure);
        }
    }

    @Override
    public long nanos() {
        return endNanos - startNanos;
    }
}
