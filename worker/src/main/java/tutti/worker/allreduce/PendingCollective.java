package tutti.worker.allreduce;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32C;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.worker.tensor.DType;

/** A collective from start to completion: what to do, for which buffer, and how it ended. */
final class PendingCollective implements Pending {
    final String name;
    final int sequence;
    /** Little-endian, from 0 to its limit. Of a sum: the values. Of a gather: one slot per rank. */
    final ByteBuffer buffer;

    /** Null for a gather. */
    final DType dtype;

    private final long startNanos;
    private final Thread worker;
    private final CountDownLatch ended = new CountDownLatch(1);
    // Both are written before the latch opens and read after it.
    private long endNanos;
    private TuttiException failure;

    /** {@code worker} is the thread that will complete this. */
    PendingCollective(String name, int sequence, ByteBuffer buffer, DType dtype, long startNanos, Thread worker) {
        this.name = name;
        this.sequence = sequence;
        this.buffer = buffer;
        this.dtype = dtype;
        this.startNanos = startNanos;
        this.worker = worker;
    }

    boolean isSum() {
        return dtype != null;
    }

    /** {@code all-reduce 'layer.3' (F32, 4096 bytes, number 17)}. */
    String describe() {
        String what = isSum() ? "all-reduce" : "all-gather";
        String type = isSum() ? dtype.name() : "slots";
        return what + " '" + name + "' (" + type + ", " + buffer.limit() + " bytes, number " + sequence + ")";
    }

    /** Differs, but for one chance in four billion, when name, kind, type or length differ. */
    int fingerprint() {
        CRC32C crc = new CRC32C();
        String text = name + '\n' + (isSum() ? dtype.name() : "gather") + '\n' + buffer.limit();
        crc.update(text.getBytes(StandardCharsets.UTF_8));
        return (int) crc.getValue();
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
            // The communication thread ends every collective within its deadline; this loop only survives that thread's
            // loss.
            while (!ended.await(1, TimeUnit.SECONDS)) {
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
