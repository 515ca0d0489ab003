package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import tutti.common.error.Category;

/** One run on three nodes of this machine, with one, one and two workers, and what can happen to it. */
final class ChaosCluster implements AutoCloseable {
    /** One thread each, so that workers compute alike however many share a node. */
    static final Map<String, String> ENVIRONMENT = Map.of("OMP_NUM_THREADS", "1");

    /** Of each seat. */
    private static final int[] NODE = {0, 1, 2, 2};

    private static final String BEGINS = "^(generation \\d+|plan): ";
    private static final String STEP = "^step ";
    private static final Duration END = Duration.ofMinutes(3);

    private final Path folder;
    private final Map<String, String> flags;
    private final SplittableRandom random;
    private final List<TuttiProcess> nodes = new ArrayList<>();
    private final List<TuttiProcess> ended = new ArrayList<>();
    /** Ended by this test when all was over but for the end of the run: nobody came for them. */
    private final Set<TuttiProcess> gone = new HashSet<>();

    private final Map<String, List<Double>> recoveries = new TreeMap<>();
    private boolean trains;

    ChaosCluster(Path folder, Map<String, String> flags, SplittableRandom random) throws InterruptedException {
        this.folder = folder;
        this.random = random;
        this.flags = new LinkedHashMap<>(flags);
        this.flags.put("nnodes", "1:3");
        this.flags.put("nproc_per_node", "1,1,2");
        startAll();
    }

    private void startAll() throws InterruptedException {
        for (int node = 0; node < 3; node++) {
            nodes.add(start(node));
        }
        awaitTraining(0);
    }

    private TuttiProcess start(int node) {
        Map<String, String> mine = new LinkedHashMap<>(flags);
        mine.put("node_rank", Integer.toString(node));
        return TuttiProcess.run(folder, List.of(), ENVIRONMENT, mine);
    }

    /** Has the run begun to train after what happened last, and not ended? */
    boolean trains() {
        return trains;
    }

    /** Seconds from a signal until training went on, by what was done. */
    Map<String, List<Double>> recoveries() {
        return recoveries;
    }

    /** All that the nodes of now have said, for whoever has to find out why. */
    String said() {
        StringBuilder all = new StringBuilder();
        for (int node = 0; node < nodes.size(); node++) {
            all.append("\n---- node ")
                    .append(node)
                    .append('\n')
                    .append(nodes.get(node).text());
        }
        return all.toString();
    }

    private int lines() {
        return nodes.get(0).lines().size();
    }

    private void awaitTraining(int from) throws InterruptedException {
        trains = nodes.get(0).nextLine(from, BEGINS).isPresent();
    }

    private void awaitRecovery(String kind, int from) throws InterruptedException {
        long start = System.nanoTime();
        awaitTraining(from);
        if (trains) {
            recoveries.computeIfAbsent(kind, any -> new ArrayList<>()).add((System.nanoTime() - start) / 1e9);
        }
    }

    /** What can happen, and in how many of a hundred times it does. */
    enum Disturbance {
        KILL_WORKER(25),
        STOP_WORKER(12),
        WARN_WORKER(3),
        KILL_COORDINATOR(13),
        STOP_COORDINATOR(4),
        WARN_COORDINATOR(5),
        KILL_NODE(13),
        KILL_FIRST_NODE(4),
        STOP_AGENT(7),
        MAKE_ROOM(8),
        KILL_ALL(6);

        private final int percent;

        Disturbance(int percent) {
            this.percent = percent;
        }

        static Disturbance any(SplittableRandom random) {
            int left = random.nextInt(100);
            for (Disturbance one : values()) {
                left -= one.percent;
                if (left < 0) {
                    return one;
                }
            }
            throw new AssertionError("they are not a hundred");
        }
    }

    /** Some while later. @return what happened */
    String disturb(Disturbance how) throws Exception {
        LockSupport.parkNanos(Duration.ofMillis(random.nextInt(2500)).toNanos());
        int seat = random.nextInt(NODE.length);
        int node = 1 + random.nextInt(2);
        return switch (how) {
            case KILL_WORKER -> killWorker(seat);
            case STOP_WORKER -> stopWorker(seat);
            case WARN_WORKER -> warnWorker(seat);
            case KILL_COORDINATOR -> killCoordinator();
            case STOP_COORDINATOR -> stopCoordinator();
            case WARN_COORDINATOR -> warnCoordinator();
            case KILL_NODE -> killNode(node);
            case KILL_FIRST_NODE -> killFirstNode();
            case STOP_AGENT -> stopAgent(random.nextInt(3));
            case MAKE_ROOM -> makeRoom(node);
            case KILL_ALL -> killAll();
        };
    }

    private String killWorker(int seat) throws Exception {
        int from = lines();
        if (signal(NODE[seat], "worker", seat, "KILL")) {
            awaitRecovery("worker killed", from);
        }
        return "worker %d killed".formatted(seat);
    }

    /** False where there is none: it may be starting, or the run be over. */
    private boolean signal(int node, String role, int seat, String name) throws Exception {
        Optional<Long> pid = nodes.get(node).find(role, seat);
        if (pid.isPresent()) {
            nodes.get(node).signal(pid.get(), name);
        }
        return pid.isPresent();
    }

    /** One alone on its node is woken when the others have gone on without it; it finds itself cut off, and comes back. */
    private String stopWorker(int seat) throws Exception {
        int from = lines();
        if (signal(NODE[seat], "worker", seat, "STOP")) {
            awaitTraining(from);
            int since = lines();
            if (NODE[seat] < 2 && signal(NODE[seat], "worker", seat, "CONT") && trains) {
                awaitTraining(since);
            }
        }
        return "worker %d stopped".formatted(seat);
    }

    /** Workers leave it to their agent to end them: it may have been meant for the whole group of processes. */
    private String warnWorker(int seat) throws Exception {
        signal(NODE[seat], "worker", seat, "TERM");
        return "worker %d told to end, which it leaves to its agent".formatted(seat);
    }

    private String killCoordinator() throws Exception {
        int from = lines();
        if (signal(0, "coordinator", -1, "KILL")) {
            awaitRecovery("coordinator killed", from);
        }
        return "coordinator killed";
    }

    /** Its agent kills it when it has stood still for long enough. */
    private String stopCoordinator() throws Exception {
        int from = lines();
        if (signal(0, "coordinator", -1, "STOP")) {
            awaitTraining(from);
        }
        return "coordinator stopped";
    }

    /** All make room behind a checkpoint, and are started again. */
    private String warnCoordinator() throws Exception {
        if (!signal(0, "coordinator", -1, "TERM")) {
            return "no coordinator to tell";
        }
        int code = nodes.get(0).exitCode(END);
        if (code == 0) {
            trains = false;
            return "coordinator told to end, at the end";
        }
        assertThat(code).as(nodes.get(0)::text).isEqualTo(Category.PREEMPTED.exitCode());
        for (TuttiProcess node : nodes) {
            // A node behind the first need not have been in a generation.
            assertThat(node.exitCode(END)).as(node::text).isIn(0, code, Category.PEER.exitCode());
        }
        startAgain();
        return "coordinator told to end";
    }

    /** The node's media driver stands still with it: the workers wait, or try again and again, until it goes on. */
    private String stopAgent(int node) throws Exception {
        int from = lines();
        nodes.get(node).signal("STOP");
        Duration time = Duration.ofMillis(random.nextInt(20_000));
        LockSupport.parkNanos(time.toNanos());
        nodes.get(node).signal("CONT");
        trains = nodes.get(0).nextLine(from, BEGINS + "|" + STEP).isPresent();
        return "agent %d stopped for %d ms".formatted(node, time.toMillis());
    }

    private String killNode(int node) throws Exception {
        int from = lines();
        nodes.get(node).signal("KILL");
        replace(node, from);
        return "node %d killed".formatted(node);
    }

    /** With the coordinator: the others wait for the next one, and it goes on where the last one has left its ledger. */
    private String killFirstNode() throws Exception {
        nodes.get(0).signal("KILL");
        assertThat(nodes.get(0).awaitEnd(END))
                .as("processes of an agent that was killed")
                .isEmpty();
        flags.put("resume_from_checkpoint", "True");
        ended.add(nodes.set(0, start(0)));
        awaitTraining(0);
        return "node 0 killed";
    }

    private String makeRoom(int node) throws Exception {
        int from = lines();
        nodes.get(node).signal("TERM");
        assertThat(nodes.get(node).exitCode(END)).as(nodes.get(node)::text).isIn(Category.PREEMPTED.exitCode(), 0);
        replace(node, from);
        return "node %d made room".formatted(node);
    }

    /** The others go on without it; then its next agent comes. */
    private void replace(int node, int from) throws InterruptedException {
        awaitTraining(from);
        if (trains) {
            int since = lines();
            ended.add(nodes.set(node, start(node)));
            awaitTraining(since);
        } else {
            gone.add(nodes.get(node));
        }
    }

    /** As a scheduler does that starts the whole job again. */
    private String killAll() throws Exception {
        for (TuttiProcess node : nodes) {
            node.signal("KILL");
        }
        for (TuttiProcess node : nodes) {
            assertThat(node.awaitEnd(END))
                    .as("processes of an agent that was killed")
                    .isEmpty();
        }
        startAgain();
        return "all killed";
    }

    private void startAgain() throws InterruptedException {
        ended.addAll(nodes);
        nodes.clear();
        flags.put("resume_from_checkpoint", "True");
        startAll();
    }

    /** Waits for the end of the run, which leaves nothing behind. */
    void succeed() throws InterruptedException {
        assertThat(nodes.get(0).exitCode()).as(nodes.get(0)::text).isZero();
        for (TuttiProcess node : nodes) {
            if (gone.contains(node)) {
                continue;
            }
            // One that came when all was over has found nobody.
            assertThat(node.exitCode(END)).as(node::text).isIn(0, Category.PEER.exitCode());
        }
        for (TuttiProcess node : nodes) {
            node.assertLeftNothing(END);
        }
        for (TuttiProcess node : ended) {
            node.assertLeftNothing(END);
        }
    }

    @Override
    public void close() {
        nodes.forEach(TuttiProcess::close);
        ended.forEach(TuttiProcess::close);
    }
}
