package tutti.worker.allreduce;

import static tutti.common.error.TuttiException.require;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.BackoffIdleStrategy;
import org.agrona.concurrent.IdleStrategy;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.worker.tensor.Addition;
import tutti.worker.tensor.DType;

/**
 * Direct reduce-scatter and all-gather over a {@link ChunkLink}, added in the order of {@link SumTree}, on a thread named
 * {@code tutti-allreduce-RANK} (none with one rank).
 *
 * <p>Where the ranks share memory, sums go through {@link SharedSegments} and the link carries the rest: gathers, and the last word of
 * a rank that leaves.
 *
 * <p>Memory: {@value #WINDOW_CHUNKS} chunks per rank of the world on the Java heap, once for F32 and once for F64, each
 * allocated when first needed; plus what the link holds. Each element is sent and received about twice, less 1/W, as in a
 * ring.
 *
 * <p>A frame of a collective that this rank has not started is left in the link, which holds back its sender. That is safe: a
 * sender moves on only after its frames of the earlier collective, so nothing needed now can lie behind it.
 *
 * <p>A rank that fails or is closed in the middle of a collective sends its reason to its peers, best effort, and they fail with
 * it at once.
 */
public final class TreeAllReduce implements Collectives {
    private static final Logger LOG = LoggerFactory.getLogger(TreeAllReduce.class);

    /** How far, in chunks, the fastest contributor may be ahead of the slowest before it is held back. */
    static final int WINDOW_CHUNKS = 8;

    /** Offers per peer of the last word. */
    private static final int GOODBYE_TRIES = 20;

    private static final int GOODBYE_BYTES = 1024;

    private static final Duration JOIN_DEADLINE = Duration.ofSeconds(10);

    /** So long without progress, and people should know which rank is waited for; it may only be slow. */
    private static final long WARNING_NANOS = Duration.ofSeconds(5).toNanos();

    private final ChunkLink link;
    private final Group group;
    /** Null where ranks share no memory. */
    private final SharedSegments shared;

    private final Addition addition;
    private final int windowBytes;
    private final long deadlineNanos;
    private final LongSupplier nanoClock;
    private final Consumer<String> onStall;
    private final DroppedFrames dropped = new DroppedFrames();
    private final Thread thread;

    // Communication thread only.
    private final Wire wire;
    private final IncomingFrame incoming;
    private final ChunkLink.FrameReader reader = this::onFrame;
    private final Map<DType, Staging> staging = new EnumMap<>(DType.class);
    // A few spins for the answer that is nearly there, a few yields for the peer on the same core, then sleeps of
    // 1 to 100 us (Linux adds about 50): a waiting rank leaves its core to the training thread and still answers
    // well within 1 ms.
    private final IdleStrategy idle = new BackoffIdleStrategy(20, 20, 1_000, 100_000);
    private PendingCollective current;
    private Exchange exchange;
    private int fingerprint;
    private int taken;
    /** Of all sums in shared memory so far. */
    private long stripes;

    private TuttiException fault;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    // Guarded by lock.
    private final ArrayDeque<PendingCollective> queue = new ArrayDeque<>();
    private int nextSequence;
    private TuttiException failure;
    /** Written under the lock, read without it in the hot loop. */
    private volatile boolean closed;

    /**
     * Starts the communication thread.
     *
     * @param link owned from here on: closed by {@link #close}, on the communication thread
     * @param chunkBytes most payload bytes in one frame, the same on all ranks; a link with smaller frames sends smaller ones
     * @param deadline longest time without progress of the collective that runs, connecting included
     * @param nanoClock monotonic, in nanoseconds; {@code System::nanoTime}
     * @param onStall told, on the communication thread, for whom a collective waits that has stood still for five seconds and goes
     *     on waiting; once each time it stands still
     */
    public TreeAllReduce(
            ChunkLink link,
            Group group,
            int chunkBytes,
            Duration deadline,
            LongSupplier nanoClock,
            Consumer<String> onStall) {
        this(link, group, chunkBytes, deadline, nanoClock, onStall, null, null);
    }

    /**
     * For ranks that share memory: sums go through it, and all else over the link.
     *
     * @param shared of this rank in this group; owned from here on
     * @param addition on the communication thread
     */
    public TreeAllReduce(
            ChunkLink link,
            Group group,
            int chunkBytes,
            Duration deadline,
            LongSupplier nanoClock,
            Consumer<String> onStall,
            SharedSegments shared,
            Addition addition) {
        require(chunkBytes >= Double.BYTES, "all-reduce: chunk bytes %d is below %d", chunkBytes, Double.BYTES);
        require(
                chunkBytes <= Integer.MAX_VALUE / WINDOW_CHUNKS / 2,
                "all-reduce: chunk bytes %d is above %d",
                chunkBytes,
                Integer.MAX_VALUE / WINDOW_CHUNKS / 2);
        require(!deadline.isNegative() && !deadline.isZero(), "all-reduce: deadline %s is not positive", deadline);
        this.link = link;
        this.group = group;
        this.shared = shared;
        this.addition = addition;
        this.deadlineNanos = deadline.toNanos();
        this.nanoClock = nanoClock;
        this.onStall = onStall;
        windowBytes = windowBytes(chunkBytes);
        wire = new Wire(link, group, chunkBytes);
        incoming = new IncomingFrame(group);
        thread = new Thread(this::run, "tutti-allreduce-" + group.rank());
        thread.setDaemon(true);
        if (group.worldSize() > 1) {
            thread.start();
        }
    }

    /**
     * Bytes of Java heap that sums of one dtype take: a window for each rank; none with one rank.
     *
     * @param chunkBytes as the constructor's
     */
    public static long stagingBytes(int worldSize, int chunkBytes, DType dtype) {
        return worldSize == 1 ? 0 : (long) worldSize * (windowBytes(chunkBytes) / dtype.bytes() * dtype.bytes());
    }

    private static int windowBytes(int chunkBytes) {
        return (chunkBytes & -Double.BYTES) * WINDOW_CHUNKS;
    }

    @Override
    public int rank() {
        return group.rank();
    }

    @Override
    public int worldSize() {
        return group.worldSize();
    }

    /** Frames that came and were not used, since the start. */
    public DroppedFrames dropped() {
        return dropped;
    }

    @Override
    public Pending allReduceSum(String name, ByteBuffer data, DType dtype) {
        require(
                dtype == DType.F32 || dtype == DType.F64,
                Category.BUG,
                "all-reduce '%s': dtype %s, need F32 or F64",
                name,
                dtype);
        require(data.isDirect() && !data.isReadOnly(), Category.BUG, "all-reduce '%s': need a direct buffer", name);
        require(
                data.remaining() % dtype.bytes() == 0,
                Category.BUG,
                "all-reduce '%s': %d bytes is not a multiple of %s's %d",
                name,
                data.remaining(),
                dtype,
                dtype.bytes());
        return start(name, data.slice(), dtype);
    }

    @Override
    public long[][] allGather(String name, long[] values) {
        int ranks = group.worldSize();
        int slot = Math.multiplyExact(values.length, Long.BYTES);
        ByteBuffer slots = ByteBuffer.allocate(Math.multiplyExact(slot, ranks)).order(FrameLayout.ORDER);
        slots.slice(slot * group.rank(), slot)
                .order(FrameLayout.ORDER)
                .asLongBuffer()
                .put(values);
        start(name, slots, null).await();
        long[][] all = new long[ranks][values.length];
        for (int rank = 0; rank < ranks; rank++) {
            slots.asLongBuffer().get(rank * values.length, all[rank]);
        }
        return all;
    }

    @Override
    public void barrier(String name) {
        allGather(name, new long[1]);
    }

    private PendingCollective start(String name, ByteBuffer buffer, DType dtype) {
        long now = nanoClock.getAsLong();
        lock.lock();
        try {
            if (failure != null) {
                throw new TuttiException(failure.category(), failure.getMessage(), failure);
            }
            require(!closed, Category.PEER, "collective '%s' was started after close", name);
            PendingCollective pending =
                    new PendingCollective(name, nextSequence++, buffer.order(FrameLayout.ORDER), dtype, now, thread);
            if (group.worldSize() == 1) {
                pending.complete(nanoClock.getAsLong());
            } else {
                queue.add(pending);
                changed.signal();
            }
            return pending;
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void close() {
        lock.lock();
        try {
            if (closed) {
                return;
            }
            closed = true;
            changed.signal();
        } finally {
            lock.unlock();
        }
        if (group.worldSize() == 1) {
            leave();
            return;
        }
        boolean interrupted = false;
        long end = System.nanoTime() + JOIN_DEADLINE.toNanos();
        while (thread.isAlive() && System.nanoTime() < end) {
            try {
                thread.join(100);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        require(!thread.isAlive(), Category.BUG, "%s did not stop within %s", thread.getName(), JOIN_DEADLINE);
    }

    /** The communication thread: one collective after the other, until closed or broken. */
    private void run() {
        TuttiException end = null;
        try {
            for (PendingCollective next = take(); next != null; next = take()) {
                execute(next);
            }
        } catch (TuttiException e) {
            end = e;
        } catch (RuntimeException | Error e) {
            end = new TuttiException(
                    Category.BUG, "%s: %s".formatted(current == null ? "all-reduce" : current.describe(), e), e);
        } finally {
            try {
                if (end != null && current != null) {
                    sayGoodbye(end.getMessage());
                }
                // Before anybody is told: a failed collective must not touch its buffer any more.
                leave();
            } catch (RuntimeException e) {
                LOG.warn("all-reduce: leaving the link failed: {}", e.toString(), e);
            }
            failAll(end);
        }
    }

    private void leave() {
        try {
            link.close();
        } finally {
            if (shared != null) {
                shared.close();
            }
        }
    }

    /** Tells peers, as far as the link lets it, so that they need not wait out their deadline for this rank. */
    private void sayGoodbye(String reason) {
        byte[] text = reason.getBytes(StandardCharsets.UTF_8);
        for (int peer = 0; peer < group.worldSize(); peer++) {
            if (peer != group.rank()) {
                int length = Math.min(Math.min(text.length, GOODBYE_BYTES), wire.maxPayload(peer));
                idle.reset();
                for (int i = 0; i < GOODBYE_TRIES; i++) {
                    if (wire.send(peer, FrameLayout.GOODBYE, ByteBuffer.wrap(text), 0, 0, length)) {
                        break;
                    }
                    idle.idle();
                }
            }
        }
    }

    /** The next collective, or null when closed and nothing is left. */
    private PendingCollective take() {
        lock.lock();
        try {
            while (queue.isEmpty() && !closed) {
                // No deadline: idle is the normal state between steps, and close() signals.
                changed.awaitUninterruptibly();
            }
            // What is still queued after close is taken too, and fails in execute, where the peers get to know.
            current = queue.poll();
            return current;
        } finally {
            lock.unlock();
        }
    }

    private void failAll(TuttiException cause) {
        long now = nanoClock.getAsLong();
        lock.lock();
        try {
            failure = cause != null
                    ? cause
                    : new TuttiException(
                            Category.PEER,
                            "collectives of %s, generation %d, were closed"
                                    .formatted(group.describe(group.rank()), group.generation()));
            if (current != null) {
                current.fail(failure, now);
            }
            queue.forEach(pending -> pending.fail(failure, now));
            queue.clear();
        } finally {
            lock.unlock();
        }
    }

    private void execute(PendingCollective pending) {
        fingerprint = pending.fingerprint();
        exchange = exchange(pending);
        wire.begin(pending.sequence, fingerprint);
        idle.reset();
        long lastProgress = nanoClock.getAsLong();
        boolean warned = false;
        while (!exchange.done()) {
            if (closed) {
                throw new TuttiException(Category.PEER, pending.describe() + ": closed while it was running");
            }
            int work = step();
            if (work > 0) {
                lastProgress = nanoClock.getAsLong();
                warned = false;
                idle.reset();
            } else {
                long still = nanoClock.getAsLong() - lastProgress;
                if (still > deadlineNanos) {
                    throw new TuttiException(
                            Category.PEER,
                            stall(still)
                                    + " See that rank's log; a rank that is slow but alive needs a longer deadline.");
                }
                if (still > WARNING_NANOS && !warned) {
                    warned = true;
                    onStall.accept(stall(still)
                            + " It fails after %d s without progress.".formatted(deadlineNanos / 1_000_000_000));
                }
                idle.idle();
            }
        }
        pending.complete(nanoClock.getAsLong());
        current = null;
    }

    private String stall(long idleNanos) {
        return StallReport.of(group, current, exchange, wire, idleNanos, dropped);
    }

    private Exchange exchange(PendingCollective pending) {
        int ranks = group.worldSize();
        if (pending.isSum() && shared != null) {
            SharedExchange sum = new SharedExchange(shared, group, pending, fingerprint, addition, stripes);
            stripes = sum.end();
            return sum;
        }
        return pending.isSum()
                ? new SumExchange(
                        group.rank(),
                        ranks,
                        pending.dtype.bytes(),
                        pending.buffer,
                        staging.computeIfAbsent(pending.dtype, dtype -> Staging.of(dtype, ranks, windowBytes)),
                        windowBytes)
                : new GatherExchange(group.rank(), ranks, pending.buffer);
    }

    /** Receive, add, send: a little of each, never waiting. Returns how much moved. */
    private int step() {
        int ranks = group.worldSize();
        taken = 0;
        link.poll(reader, 2 * ranks);
        if (fault != null) {
            throw fault;
        }
        int moved = taken + exchange.advance();
        for (int k = 1; k < ranks; k++) {
            // Each rank begins with its right neighbour, so that not all of them fill the same peer first.
            int peer = (group.rank() + k) % ranks;
            moved += exchange.send(peer, wire);
            if (wire.lastAnswer(peer) == ChunkLink.Offer.CLOSED) {
                throw new TuttiException(
                        Category.PEER,
                        "%s: the link to %s is closed".formatted(current.describe(), group.describe(peer)));
            }
        }
        return moved;
    }

    /** Runs inside {@link ChunkLink#poll}, so it must not throw: a link may swallow or wrap what a reader throws. */
    private boolean onFrame(DirectBuffer source, int offset, int length) {
        DroppedFrames.Kind unsound = incoming.wrap(source, offset, length);
        if (unsound != null) {
            return drop(unsound);
        }
        int ahead = incoming.sequence() - current.sequence;
        if (ahead > 0) {
            return false;
        }
        if (incoming.kind() == FrameLayout.GOODBYE) {
            fault = new TuttiException(
                    Category.PEER,
                    "%s: %s gave up: %s"
                            .formatted(current.describe(), group.describe(incoming.source()), incoming.text()));
            return true;
        }
        if (ahead < 0) {
            return drop(DroppedFrames.Kind.PAST_COLLECTIVE);
        }
        if (incoming.fingerprint() != fingerprint) {
            fault = TuttiException.bug(
                    "%s: %s runs another collective as its number %d; all ranks must start the same ones in the same order",
                    current.describe(), group.describe(incoming.source()), current.sequence);
            return false;
        }
        switch (exchange.accept(incoming)) {
            case TAKEN -> {
                taken++;
                return true;
            }
            case LATER -> {
                return false;
            }
            case DUPLICATE -> {
                return drop(DroppedFrames.Kind.DUPLICATE);
            }
            case MALFORMED -> {
                return drop(DroppedFrames.Kind.MALFORMED);
            }
            case GAP -> {
                fault = new TuttiException(
                        Category.PEER,
                        "%s: bytes from %s were lost before offset %d after %d had come. Frames dropped: %s"
                                .formatted(
                                        current.describe(),
                                        group.describe(incoming.source()),
                                        incoming.offset(),
                                        exchange.received(incoming.source(), incoming.kind()),
                                        dropped));
                return false;
            }
        }
        return false;
    }

    private boolean drop(DroppedFrames.Kind kind) {
        if (dropped.add(kind) == 1) {
            LOG.warn("all-reduce: dropped a frame ({}); further ones are only counted", kind);
        }
        return true;
    }
}
