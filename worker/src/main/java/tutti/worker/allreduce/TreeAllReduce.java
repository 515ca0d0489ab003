package tutti.worker.allreduce;

import static tutti.common.error.TuttiException.require;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Optional;
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
import tutti.worker.allreduce.Collective.Kind;
import tutti.worker.tensor.Addition;
import tutti.worker.tensor.DType;

/**
 * Collectives over a {@link ChunkLink}, and over {@link SharedSegments} between ranks of a node; {@link Algorithms} chooses the way,
 * {@link SumTree} the order of every sum. They run one after the other, on a thread named {@code tutti-allreduce-RANK} (none with one
 * rank), or on the thread of a caller that waits anyway while nothing else runs.
 *
 * <p>Memory outside of the heap: {@value #WINDOW_CHUNKS} chunks for every rank whose contributions this one adds, if there are two or
 * more of them beside its own, when first needed; what short sums gather; plus what the link holds. Each element is sent and received about twice,
 * less 1/W, as in a ring.
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

    /** A process that has just started loads its libraries before it meets the others: that takes seconds where cores are few. */
    private static final long FIRST_MEETING_NANOS = Duration.ofSeconds(60).toNanos();

    /** So long without progress, and people should know which rank is waited for; it may only be slow. */
    private static final long WARNING_NANOS = Duration.ofSeconds(5).toNanos();

    // A few spins for the answer that is nearly there, a few yields for the peer on the same core, then sleeps of
    // 1 to 400 us (Linux adds about 50): a waiting rank leaves its core to the training thread and still answers
    // well within 1 ms.
    private final IdleStrategy idle = new BackoffIdleStrategy(20, 20, 1_000, 400_000);
    // A thread that waits has nothing else to compute: it looks longer before it sleeps.
    private final IdleStrategy callerIdle = new BackoffIdleStrategy(200, 200, 1_000, 100_000);

    private final ChunkLink link;
    private final Group group;
    /** Null where this rank is alone on its node. */
    private final SharedSegments shared;

    private final long deadlineNanos;
    private final LongSupplier nanoClock;
    private final Consumer<String> onStall;
    private final DroppedFrames dropped = new DroppedFrames();
    private final CollectiveCounters counters = new CollectiveCounters();
    private final FlightRecorder recorder;
    private final Thread thread;

    // Of the thread that runs a collective: one at a time, handed over under the lock.
    private final Wire wire;
    private final Algorithms algorithms;
    private final IncomingFrame incoming;
    private final ChunkLink.FrameReader reader = this::onFrame;
    private PendingCollective current;
    private Exchange exchange;
    private int taken;
    private TuttiException fault;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    // Guarded by lock.
    private final ArrayDeque<PendingCollective> queue = new ArrayDeque<>();
    private int nextSequence;
    /** A thread runs {@link #current}, or has failed in it. */
    private boolean busy;

    private Throwable callerFailed;
    private TuttiException failure;
    /** Written under the lock, read without it in the hot loop. */
    private volatile boolean closed;

    /**
     * For ranks that share no memory. Starts the communication thread.
     *
     * @param link owned from here on: closed by {@link #close}, on the communication thread
     * @param chunkBytes most payload bytes in one frame, the same on all ranks; a link with smaller frames sends smaller ones
     * @param deadline longest time without progress of the collective that runs, connecting included
     * @param nanoClock monotonic, in nanoseconds; {@code System::nanoTime}
     * @param onStall told, by the thread that runs a collective, for whom it waits when it has stood still for five seconds and goes on
     *     waiting; once each time it stands still
     * @param addition used by one thread at a time
     */
    public TreeAllReduce(
            ChunkLink link,
            Group group,
            int chunkBytes,
            Duration deadline,
            LongSupplier nanoClock,
            Consumer<String> onStall,
            Addition addition) {
        this(
                link,
                group,
                chunkBytes,
                deadline,
                nanoClock,
                onStall,
                addition,
                Topology.apart(group.worldSize()),
                null,
                FlightRecorder.withoutFile());
    }

    /**
     * For ranks some of which share memory; other parameters as above.
     *
     * @param topology who shares memory with whom, the same on all ranks
     * @param shared of this rank among {@link Group#onNode}, null if it is alone on its node; owned from here on
     * @param recorder of these collectives alone; written when one of them fails
     */
    public TreeAllReduce(
            ChunkLink link,
            Group group,
            int chunkBytes,
            Duration deadline,
            LongSupplier nanoClock,
            Consumer<String> onStall,
            Addition addition,
            Topology topology,
            SharedSegments shared,
            FlightRecorder recorder) {
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
        this.recorder = recorder;
        this.deadlineNanos = deadline.toNanos();
        this.nanoClock = nanoClock;
        this.onStall = onStall;
        FrameSeal seal = FrameSeal.of(group);
        wire = new Wire(link, group, chunkBytes, seal);
        algorithms = new Algorithms(group, topology, shared, addition, windowBytes(chunkBytes));
        incoming = new IncomingFrame(group, seal);
        thread = new Thread(this::run, "tutti-allreduce-" + group.rank());
        thread.setDaemon(true);
        if (group.worldSize() > 1) {
            thread.start();
        }
    }

    /**
     * Bytes outside of the heap that a rank takes, the link's and the segments' apart.
     *
     * @param chunkBytes as the constructor's
     */
    public static long bytes(Topology topology, int chunkBytes) {
        int ranks = topology.worldSize();
        int contributors = topology.nodes() < ranks && topology.nested() ? topology.nodes() : ranks;
        long windows = contributors > 2 ? (contributors - 1L) * windowBytes(chunkBytes) : 0;
        return ranks == 1 ? 0 : windows + (long) ranks * Algorithms.SHORT_BYTES;
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
    public CollectiveCounts counts() {
        return counters.snapshot(dropped);
    }

    @Override
    public Pending allReduceSum(String name, ByteBuffer data, DType dtype, DType wire) {
        return start(sum(Kind.ALL_REDUCE, name, data, dtype, wire, even(data, dtype)), false);
    }

    @Override
    public void allReduceSumAndWait(String name, ByteBuffer data, DType dtype, DType wire) {
        start(sum(Kind.ALL_REDUCE, name, data, dtype, wire, even(data, dtype)), true)
                .await();
    }

    @Override
    public Pending reduceScatterSum(String name, ByteBuffer data, DType dtype, DType wire, Partition parts) {
        return start(sum(Kind.REDUCE_SCATTER, name, data, dtype, wire, parts), false);
    }

    @Override
    public Pending allGather(String name, ByteBuffer data, DType dtype, Partition parts) {
        return start(collective(Kind.ALL_GATHER, name, data, dtype, parts), false);
    }

    @Override
    public void allGatherAndWait(String name, ByteBuffer data, DType dtype, Partition parts) {
        start(collective(Kind.ALL_GATHER, name, data, dtype, parts), true).await();
    }

    @Override
    public void allGatherAndWait(String name, ByteBuffer data, DType dtype, Partition parts, Duration patience) {
        start(collective(Kind.ALL_GATHER, name, data, dtype, parts), true, patience.toNanos())
                .await();
    }

    @Override
    public Pending broadcast(String name, ByteBuffer data, DType dtype, int root) {
        Partition parts = Partition.whole(data.remaining() / dtype.bytes(), group.worldSize(), root);
        return start(collective(Kind.BROADCAST, name, data, dtype, parts), false);
    }

    private Partition even(ByteBuffer data, DType dtype) {
        return Partition.even(data.remaining() / dtype.bytes(), group.worldSize());
    }

    private Collective sum(Kind kind, String name, ByteBuffer data, DType dtype, DType wire, Partition parts) {
        require(
                dtype == DType.F32 || dtype == DType.F64 || dtype == DType.BF16,
                Category.BUG,
                "%s: dtype %s, need F32, F64 or BF16",
                name,
                dtype);
        require(
                wire == dtype || wire == DType.BF16 && dtype == DType.F32,
                Category.BUG,
                "%s: %s on the wire for dtype %s; need the same, or BF16 for F32",
                name,
                wire,
                dtype);
        return collective(kind, name, data, dtype, algorithms.wire(dtype, wire), parts);
    }

    private Collective collective(Kind kind, String name, ByteBuffer data, DType dtype, Partition parts) {
        return collective(kind, name, data, dtype, dtype, parts);
    }

    private Collective collective(Kind kind, String name, ByteBuffer data, DType dtype, DType wire, Partition parts) {
        require(data.isDirect() && !data.isReadOnly(), Category.BUG, "%s: need a direct buffer", name);
        require(
                data.remaining() == (long) parts.elements() * dtype.bytes() && parts.ranks() == group.worldSize(),
                Category.BUG,
                "%s: %d bytes of %s for the parts %s of %d ranks",
                name,
                data.remaining(),
                dtype,
                parts,
                group.worldSize());
        return new Collective(kind, name, dtype, wire, parts, data.slice().order(FrameLayout.ORDER));
    }

    @Override
    public long[][] allGather(String name, long[] values) {
        return allGather(name, values, deadlineNanos);
    }

    private long[][] allGather(String name, long[] values, long patienceNanos) {
        int ranks = group.worldSize();
        int count = values.length;
        ByteBuffer all = ByteBuffer.allocate(Math.multiplyExact(count * Long.BYTES, ranks))
                .order(FrameLayout.ORDER);
        all.asLongBuffer().put(group.rank() * count, values);
        start(
                        new Collective(
                                Kind.ALL_GATHER, name, DType.I64, DType.I64, Partition.even(count * ranks, ranks), all),
                        true,
                        patienceNanos)
                .await();
        long[][] gathered = new long[ranks][count];
        for (int rank = 0; rank < ranks; rank++) {
            all.asLongBuffer().get(rank * count, gathered[rank]);
        }
        return gathered;
    }

    @Override
    public void barrier(String name) {
        allGather(name, new long[1]);
    }

    @Override
    public Optional<SymmetricMemory> symmetricMemory(long bytes) {
        if (algorithms.apart()) {
            return Optional.empty();
        }
        Optional<SymmetricMemory> own = shared == null ? Optional.empty() : shared.symmetricMemory(bytes);
        try {
            long[][] made = allGather(
                    "symmetric memory is made",
                    new long[] {own.isPresent() ? 1 : 0},
                    Math.max(deadlineNanos, FIRST_MEETING_NANOS));
            boolean all = algorithms.onNode(rank -> made[rank][0] == 1);
            if (all) {
                own.ifPresent(SymmetricMemory::mapAll);
            }
            barrier("symmetric memory is mapped");
            if (!all) {
                own.ifPresent(SymmetricMemory::close);
                return Optional.empty();
            }
            own.ifPresent(SymmetricMemory::unlink);
            own.ifPresent(algorithms::use);
            return own;
        } catch (RuntimeException e) {
            own.ifPresent(SymmetricMemory::close);
            throw e;
        }
    }

    /** @param waits the caller does: it runs the collective itself if nothing else runs */
    private PendingCollective start(Collective what, boolean waits) {
        return start(what, waits, deadlineNanos);
    }

    private PendingCollective start(Collective what, boolean waits, long patienceNanos) {
        PendingCollective pending;
        lock.lock();
        try {
            if (failure != null) {
                throw new TuttiException(failure.category(), failure.getMessage(), failure);
            }
            require(!closed, Category.PEER, "collective '%s' was started after close", what.name());
            long now = nanoClock.getAsLong();
            pending = new PendingCollective(what, nextSequence++, now, thread, patienceNanos);
            if (group.worldSize() == 1) {
                pending.complete(nanoClock.getAsLong());
                return pending;
            }
            recorder.started(pending.sequence, what, now);
            if (!waits || busy || !queue.isEmpty()) {
                queue.add(pending);
                changed.signal();
                return pending;
            }
            busy = true;
            current = pending;
        } finally {
            lock.unlock();
        }
        runHere(pending);
        return pending;
    }

    /** What goes wrong here ends on the communication thread, as everything else does. */
    private void runHere(PendingCollective pending) {
        try {
            execute(pending, callerIdle);
        } catch (RuntimeException | Error e) {
            lock.lock();
            callerFailed = e;
            changed.signal();
            lock.unlock();
        }
    }

    @Override
    public void close() {
        boolean again;
        lock.lock();
        try {
            again = closed;
            closed = true;
            changed.signal();
        } finally {
            lock.unlock();
        }
        if (group.worldSize() == 1) {
            if (!again) {
                leave();
            }
            return;
        }
        // Whoever comes second waits too: it may be the one that frees the memory.
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
                execute(next, idle);
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
                    end = recorded(end);
                }
                // Before anybody is told: a failed collective must not touch its buffer any more.
                leave();
            } catch (RuntimeException e) {
                LOG.warn("all-reduce: leaving the link failed: {}", e.toString(), e);
            }
            failAll(end);
        }
    }

    /** The failure of the collective that runs, with the file that tells what came before it. */
    private TuttiException recorded(TuttiException end) {
        recorder.failed(current.sequence, end.getMessage(), nanoClock.getAsLong());
        return recorder.write()
                .map(file -> new TuttiException(
                        end.category(), "%s [last collectives: %s]".formatted(end.getMessage(), file), end))
                .orElse(end);
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
            while (callerFailed == null && (busy || queue.isEmpty() && !closed)) {
                // No deadline: idle is the normal state between steps, and close() signals.
                changed.awaitUninterruptibly();
            }
            if (callerFailed instanceof RuntimeException e) {
                throw e;
            }
            if (callerFailed instanceof Error e) {
                throw e;
            }
            // What is still queued after close is taken too, and fails in execute, where the peers get to know.
            current = queue.poll();
            busy = current != null;
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

    private void execute(PendingCollective pending, IdleStrategy waiting) {
        long began = nanoClock.getAsLong();
        recorder.began(pending.sequence, began);
        long ended = began;
        if (pending.what.bytes() > 0) {
            exchange = algorithms.of(pending);
            recorder.carriedBy(pending.sequence, exchange);
            wire.begin(pending.sequence, pending.fingerprint());
            exchange(pending, waiting);
            ended = nanoClock.getAsLong();
            counters.ended(pending.what, exchange.sent(group), ended - began, wire.refusedOffers(), link.retransmits());
        }
        recorder.ended(pending.sequence, ended);
        lock.lock();
        try {
            current = null;
            busy = false;
            if (closed || !queue.isEmpty()) {
                changed.signal();
            }
        } finally {
            lock.unlock();
        }
        pending.complete(ended);
    }

    private void exchange(PendingCollective pending, IdleStrategy waiting) {
        waiting.reset();
        long lastProgress = nanoClock.getAsLong();
        boolean warned = false;
        while (!exchange.done()) {
            if (closed) {
                throw new TuttiException(
                        Category.PEER,
                        "%s: closed while it waited for %s"
                                .formatted(pending.describe(), StallReport.waitedFor(group, exchange, wire)));
            }
            if (Thread.currentThread().isInterrupted()) {
                throw new TuttiException(Category.PEER, pending.describe() + ": interrupted while it was running");
            }
            int work = step();
            if (work > 0) {
                lastProgress = nanoClock.getAsLong();
                warned = false;
                waiting.reset();
            } else {
                long still = nanoClock.getAsLong() - lastProgress;
                if (still > pending.patienceNanos) {
                    throw new TuttiException(
                            Category.PEER,
                            stall(pending, still)
                                    + " See that rank's log; a rank that is slow but alive needs a longer deadline.");
                }
                if (still > WARNING_NANOS && !warned) {
                    warned = true;
                    onStall.accept(stall(pending, still)
                            + " It fails after %d s without progress."
                                    .formatted(pending.patienceNanos / 1_000_000_000));
                }
                waiting.idle();
            }
        }
    }

    private String stall(PendingCollective pending, long idleNanos) {
        return StallReport.of(group, pending, exchange, wire, idleNanos, dropped);
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
            incoming.leave();
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
        if (incoming.fingerprint() != current.fingerprint()) {
            fault = current.divergedFrom(group.describe(incoming.source()));
            return false;
        }
        Exchange.Verdict verdict;
        try {
            verdict = exchange.accept(incoming);
        } catch (RuntimeException | Error e) {
            fault = new TuttiException(Category.BUG, "%s: %s".formatted(current.describe(), e), e);
            return false;
        }
        switch (verdict) {
            case TAKEN -> {
                taken++;
                return true;
            }
            case LATER -> {
                incoming.leave();
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
