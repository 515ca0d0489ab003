package tutti.worker.allreduce;

/** A collective under way. Any thread may wait; the result is visible to it when {@link #await} returns. */
public interface Pending {
    /**
     * Blocks until done. There is no limit on the whole time, but one on standing still: when neither a byte of it was sent
     * nor received for the deadline, it fails.
     *
     * @throws tutti.common.error.TuttiException PEER, naming rank, host, collective and bytes received of bytes expected; also
     *     PEER when closed or interrupted meanwhile; BUG when a rank runs another collective in its place
     */
    void await();

    /** Wall nanoseconds from start to completion, its time in the queue included. Valid after {@link #await} returned. */
    long nanos();
}
