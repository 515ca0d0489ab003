package tutti.deploy.agent;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/**
 * Watches the children of one agent and decides what the end of one means for the others. One that is killed is started again. The
 * coordinator's exit code is the run's; a worker that ends by itself gives the coordinator a moment to say why, then the run is
 * over.
 */
final class Supervisor {
    private static final Logger LOG = LoggerFactory.getLogger(Supervisor.class);
    /** After SIGKILL only a process stuck in the kernel is left. */
    private static final Duration AFTER_KILL = Duration.ofSeconds(5);

    /** Who falls so soon behind another has most likely fallen with it: of the same memory, or with the container. */
    private static final Duration TOGETHER = Duration.ofSeconds(10);

    private static final Duration LOOK_AT_MEMORY = Duration.ofSeconds(2);

    private static final int CTRL_C = 130;
    private static final int SIGTERM = 143;

    private final Terminal terminal;
    private final Patience patience;
    private final String host;
    private final List<Child> children = new ArrayList<>();
    /** How those are started that are started again. */
    private final Map<Child, Starter> kept = new HashMap<>();

    private final BlockingQueue<Child> ended = new LinkedBlockingQueue<>();
    private final AvailableMemory machine = AvailableMemory.here();

    /** Losses that were answered with a restart. */
    private int restarts;
    /** Who fell with the last one of them, and when that was. */
    private final Set<Starter> fallen = new HashSet<>();

    private long lastLoss;
    private String firstLoss = "";
    private boolean stopping;
    /** In which all have to end, once they are told to. */
    private Optional<Duration> leaving = Optional.empty();

    private volatile boolean outOfGrace;

    Supervisor(Terminal terminal, Patience patience, String host) {
        this.terminal = terminal;
        this.patience = patience;
        this.host = host;
    }

    /** Starts a child and watches it. False if the agent is already being stopped: then nothing was started. */
    synchronized boolean start(Starter starter) {
        if (stopping) {
            return false;
        }
        begin(starter);
        return true;
    }

    /** As {@link #start}; the child is started again when it is killed or crashes. */
    synchronized boolean keep(Starter starter) {
        if (stopping) {
            return false;
        }
        kept.put(begin(starter), starter);
        return true;
    }

    private Child begin(Starter starter) {
        Child child = starter.start();
        children.add(child);
        child.process().onExit().thenRun(() -> ended.add(child));
        return child;
    }

    /**
     * Waits for the end of the run, then stops every child that is left.
     *
     * @param maxRestarts losses of children of {@link #keep} that are answered with a restart; those that fall together are one
     */
    int watch(int maxRestarts) throws InterruptedException {
        while (true) {
            // Again and again, without end: this wait is the run. Hangs inside it are the coordinator's to find.
            Child child = ended.poll(LOOK_AT_MEMORY.toMillis(), TimeUnit.MILLISECONDS);
            if (child == null) {
                lookAtMemory();
            } else if (!startAgain(child, maxRestarts)) {
                return watch(child);
            }
        }
    }

    /** Not one that ended by itself, which is its verdict on the run; nor behind the run's end, or on the way out. */
    private synchronized boolean startAgain(Child child, int maxRestarts) {
        Starter again = kept.get(child);
        boolean over = children.stream()
                .filter(other -> other.isCoordinator() && !other.process().isAlive())
                .anyMatch(other -> !Child.killed(other.process().exitValue()));
        if (again == null || !Child.killed(child.process().exitValue()) || stopping || leaving.isPresent() || over) {
            return false;
        }
        firstLoss = firstLoss.isEmpty() ? child.epitaph(host) : firstLoss;
        if (!fellWithOthers(again)) {
            if (restarts == maxRestarts) {
                return false;
            }
            restarts++;
        }
        terminal.note(
                "%s; started again (%d of --max_restarts %d)".formatted(child.epitaph(host), restarts, maxRestarts));
        children.remove(child);
        kept.remove(child);
        kept.put(begin(again), again);
        if (child.isCoordinator()) {
            alive().forEach(other -> other.say(Word.COORDINATOR_LOST));
        }
        return true;
    }

    /** Else it is the first of a loss that counts. The same one twice is always another loss. */
    private boolean fellWithOthers(Starter starter) {
        long now = System.nanoTime();
        if (!fallen.isEmpty() && now - lastLoss < TOGETHER.toNanos() && fallen.add(starter)) {
            return true;
        }
        fallen.clear();
        fallen.add(starter);
        lastLoss = now;
        return false;
    }

    private void lookAtMemory() {
        try {
            long free = machine.bytes();
            alive().forEach(child -> child.memory().look(free));
        } catch (TuttiException e) {
            LOG.debug("memory was not looked at", e);
        }
    }

    /** As {@link #watch(int)}, without restarts, but says so and stops them all if none has ended for so long. */
    int watch(Duration most) throws InterruptedException {
        Child first = ended.poll(most.toSeconds(), TimeUnit.SECONDS);
        if (first == null) {
            terminal.error("none of %d processes ended within %d s; all of them were stopped"
                    .formatted(children.size(), most.toSeconds()));
            stop();
            return Category.PEER.exitCode();
        }
        return watch(first);
    }

    private int watch(Child first) throws InterruptedException {
        int code = first.isCoordinator() ? coordinatorEnded(first) : workerEnded(first);
        stop();
        return outOfGrace ? SIGTERM : code;
    }

    /**
     * Asks for a checkpoint and the end of the run: the coordinator, or on a later node the workers, which pass it on. Returns when
     * they have ended; if they have not after {@code grace}, all children are stopped. Any thread may call, once.
     *
     * @return false if there is nobody to ask yet
     */
    boolean preempt(Duration grace) {
        List<Child> living = alive();
        List<Child> coordinator = living.stream().filter(Child::isCoordinator).toList();
        List<Child> asked = coordinator.isEmpty() ? living : coordinator;
        if (asked.isEmpty()) {
            return false;
        }
        synchronized (this) {
            leaving = Optional.of(grace);
        }
        terminal.note(
                "told to leave: a checkpoint, then the end, within --preemption_grace_seconds %d; told again, at once"
                        .formatted(grace.toSeconds()));
        asked.forEach(child -> child.say(Word.PREEMPT));
        if (!awaitAll(asked, grace) && !stopped()) {
            terminal.error("not ended within --preemption_grace_seconds %d, now stopped; what was committed stays"
                    .formatted(grace.toSeconds()));
            outOfGrace = true;
            stop();
        }
        return true;
    }

    private synchronized Optional<Duration> leaving() {
        return leaving;
    }

    private synchronized boolean stopped() {
        return stopping;
    }

    /** SIGTERM to all that live, then SIGKILL. Safe from any thread, and twice. */
    void stop() {
        List<Child> left;
        synchronized (this) {
            stopping = true;
            left = alive();
        }
        // By handle: Process.destroy() would also close the pipes, losing last words and waking ParentWatch.
        left.forEach(child -> {
            // Ours do not end by SIGTERM alone: it may have been meant for the agent.
            child.say(Word.END);
            child.process().toHandle().destroy();
        });
        if (!awaitAll(left, patience.term())) {
            List<Child> stubborn =
                    left.stream().filter(child -> child.process().isAlive()).toList();
            stubborn.forEach(child -> child.process().toHandle().destroyForcibly());
            if (!awaitAll(stubborn, AFTER_KILL)) {
                stubborn.forEach(child ->
                        LOG.error("pid {} does not end", child.process().pid()));
            }
        }
    }

    private int coordinatorEnded(Child coordinator) {
        int code = coordinator.process().exitValue();
        if (Child.killed(code)) {
            // Nobody is left to release the workers: they would train on until they miss it.
            awaitAll(alive(), patience.lastWord());
            tell(coordinator);
            return Category.PEER.exitCode();
        }
        // Who is preempted has little time, and everything is on the disk; a worker for which the run was given up does
        // not leave at all.
        boolean soon = code == Category.PREEMPTED.exitCode() || code == Category.PEER.exitCode();
        awaitAll(alive(), soon ? patience.lastWord() : patience.leave());
        if (code == 0) {
            // The run's result is committed; a worker that failed after that is worth a line, not a failure.
            children.stream()
                    .filter(child ->
                            !child.process().isAlive() && child.process().exitValue() != 0)
                    .forEach(child -> note(child.epitaph(host)));
        }
        return code;
    }

    private int workerEnded(Child worker) throws InterruptedException {
        boolean inPeace = worker.process().exitValue() == 0;
        // One that ended in peace was released: the rest of the group is only a little behind.
        // Of those that make room one that trains needs longer than one that stood by.
        Duration grace = leaving().orElse(inPeace ? patience.leave() : patience.lastWord());
        Optional<Child> coordinator =
                children.stream().filter(Child::isCoordinator).findFirst();
        if (coordinator.isPresent()) {
            if (awaitAll(List.of(coordinator.get()), grace)) {
                return coordinatorEnded(coordinator.get());
            }
            tell(worker);
            return Category.PEER.exitCode();
        }
        boolean allEnded = awaitAll(alive(), grace);
        Optional<Child> failed = firstFailed(worker);
        if (allEnded && failed.isEmpty()) {
            return 0;
        }
        Child culprit = failed.orElse(worker);
        tell(culprit);
        int code = culprit.process().exitValue();
        return code == 0 || Child.killed(code) ? Category.PEER.exitCode() : code;
    }

    /** One with a cause of its own, if there is one: a worker that only lost that peer may have ended before it. */
    private Optional<Child> firstFailed(Child first) {
        List<Child> failed = Stream.concat(Stream.of(first), children.stream())
                .filter(child -> !child.process().isAlive() && child.process().exitValue() != 0)
                .toList();
        return failed.stream()
                .filter(child -> child.process().exitValue() != Category.PEER.exitCode())
                .findFirst()
                .or(() -> failed.stream().findFirst());
    }

    private synchronized List<Child> alive() {
        return children.stream().filter(child -> child.process().isAlive()).toList();
    }

    /** Silent once the agent itself is being ended: then the children die of us, or of the same Ctrl-C. */
    private synchronized void tell(Child child) {
        int code = child.process().exitValue();
        if (!stopping && code != CTRL_C && code != Category.PREEMPTED.exitCode()) {
            String before = restarts == 0
                    ? ""
                    : "; %d workers were started again before, the first: %s".formatted(restarts, firstLoss);
            terminal.error(child.epitaph(host) + before);
        }
    }

    private synchronized void note(String line) {
        if (!stopping) {
            terminal.note(line);
        }
    }

    private static boolean awaitAll(List<Child> these, Duration time) {
        CompletableFuture<?>[] ends =
                these.stream().map(child -> child.process().onExit()).toArray(CompletableFuture<?>[]::new);
        try {
            CompletableFuture.allOf(ends).get(time.toMillis(), TimeUnit.MILLISECONDS);
            return true;
        } catch (TimeoutException e) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } catch (ExecutionException e) {
            throw new IllegalStateException("waiting for a process", e);
        }
    }

    /** Starts one process. */
    interface Starter {
        Child start();
    }
}
