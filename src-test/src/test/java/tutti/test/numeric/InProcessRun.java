package tutti.test.numeric;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.stream.IntStream;
import tutti.common.config.RunConfig;
import tutti.common.config.Settings;
import tutti.common.error.TuttiException;
import tutti.common.protocol.StepShard;
import tutti.common.protocol.WorkerCommand.Begin;
import tutti.common.protocol.WorkerCommand.Finish;
import tutti.common.protocol.WorkerCommand.Lease;
import tutti.common.protocol.WorkerReport.StepTimes;
import tutti.common.protocol.WorkerReport.StepWire;
import tutti.common.protocol.WorkerReport.WrittenFile;
import tutti.common.shard.BatchPlan;
import tutti.coordinator.plan.RunPlan;
import tutti.worker.allreduce.FlightRecorder;
import tutti.worker.allreduce.Group;
import tutti.worker.allreduce.InMemoryNetwork;
import tutti.worker.allreduce.PlainAddition;
import tutti.worker.allreduce.SharedSegments;
import tutti.worker.allreduce.Topology;
import tutti.worker.allreduce.TreeAllReduce;
import tutti.worker.evaluate.HeldOutEvaluation;
import tutti.worker.train.Host;
import tutti.worker.train.Origin;
import tutti.worker.train.Progress;
import tutti.worker.train.TrainLoop;
import tutti.worker.train.TrainLoop.Found;
import tutti.worker.train.Trainer;

/**
 * A run with threads as ranks over the in-memory link, and in memory that those of a node share: everything of a worker but its process,
 * its actor and Aeron.
 */
final class InProcessRun {
    private static final int STRIPE_BYTES = 4096;

    private final List<List<Double>> lossSums = new ArrayList<>();
    private final List<List<Long>> labelled = new ArrayList<>();
    private final List<List<Double>> gradNorms = new ArrayList<>();
    private final List<List<Double>> rates = new ArrayList<>();
    private final List<List<StepTimes>> times = new ArrayList<>();
    private final List<List<StepWire>> wires = new ArrayList<>();
    private final List<List<String>> leftOut = new ArrayList<>();
    private final List<Map<Long, Found>> evaluations = new ArrayList<>();
    private final List<Long> allocatedBytes = new ArrayList<>();
    private final List<String> hashes = new ArrayList<>();
    private final List<WrittenFile> written = new CopyOnWriteArrayList<>();
    /** All steps are behind it but a checkpoint of the last one. */
    private final boolean owesTheLast;

    private InProcessRun(boolean owesTheLast) {
        this.owesTheLast = owesTheLast;
    }

    /** Nothing is left but a checkpoint of the last step, whose partial folder is there. */
    static InProcessRun owingTheLast(Map<String, String> flags, int worldSize) throws Exception {
        return of(new InProcessRun(true), flags, Topology.apart(worldSize), null, System::nanoTime);
    }

    static InProcessRun of(Map<String, String> flags, int worldSize) throws Exception {
        return of(flags, worldSize, System::nanoTime);
    }

    /** @param clock of the steps */
    static InProcessRun of(Map<String, String> flags, int worldSize, LongSupplier clock) throws Exception {
        return of(new InProcessRun(false), flags, Topology.apart(worldSize), null, clock);
    }

    /**
     * With ranks that share a node.
     *
     * @param shared folder in which each node gets one for its shared memory
     */
    static InProcessRun of(Map<String, String> flags, Topology topology, Path shared) throws Exception {
        return of(new InProcessRun(false), flags, topology, shared, System::nanoTime);
    }

    private static InProcessRun of(
            InProcessRun run, Map<String, String> flags, Topology topology, Path shared, LongSupplier clock)
            throws Exception {
        int worldSize = topology.worldSize();
        RunConfig config = RunConfig.read(Settings.of(flags, null));
        InMemoryNetwork network = new InMemoryNetwork(worldSize);
        List<String> hosts =
                IntStream.range(0, worldSize).mapToObj(r -> "thread").toList();
        List<CompletableFuture<Void>> ranks = new ArrayList<>();
        for (int r = 0; r < worldSize; r++) {
            int rank = r;
            run.lossSums.add(new ArrayList<>());
            run.labelled.add(new ArrayList<>());
            run.gradNorms.add(new ArrayList<>());
            run.rates.add(new ArrayList<>());
            run.times.add(new ArrayList<>());
            run.wires.add(new ArrayList<>());
            run.leftOut.add(new ArrayList<>());
            run.evaluations.add(new TreeMap<>());
            run.hashes.add("");
            ranks.add(CompletableFuture.runAsync(
                    () -> run.rank(
                            config, network, new Group(1, 1, rank, hosts, Optional.empty()), topology, shared, clock),
                    task -> new Thread(task, "rank-" + rank).start()));
        }
        CompletableFuture.allOf(ranks.toArray(CompletableFuture[]::new)).get(120, TimeUnit.SECONDS);
        return run;
    }

    private void rank(
            RunConfig config,
            InMemoryNetwork network,
            Group group,
            Topology topology,
            Path shared,
            LongSupplier clock) {
        int rank = group.rank();
        int worldSize = group.worldSize();
        try (TreeAllReduce collectives = new TreeAllReduce(
                        network.link(rank),
                        group,
                        4096,
                        Duration.ofSeconds(30),
                        System::nanoTime,
                        stall -> {},
                        new PlainAddition(),
                        topology,
                        segments(group.onNode(topology), shared),
                        FlightRecorder.withoutFile());
                Trainer trainer = Trainer.load(
                        config,
                        collectives,
                        new Origin.Model(),
                        new Host(0, 1, clock, new Progress(System::nanoTime), doing -> {}, () -> 0, gradients -> 0))) {
            BatchPlan plan = BatchPlan.of(config, worldSize, trainer.samples());
            long total = plan.totalSteps(config.train().epochs(), config.train().maxSteps());
            RunPlan evaluations = new RunPlan(config, worldSize, trainer.samples());
            OptionalDouble atStart = evaluations.evaluatesBehind(0) ? OptionalDouble.of(0) : OptionalDouble.empty();
            new TrainLoop(
                            trainer,
                            config.output(),
                            false,
                            new HeldOutEvaluation(
                                    trainer, config.eval(), config.plan().evalBatchSize()))
                    .run(
                            owesTheLast
                                    ? new Begin(
                                            1,
                                            total,
                                            total,
                                            OptionalDouble.of(plan.epochAfter(total)),
                                            OptionalDouble.empty())
                                    : new Begin(1, 0, total, OptionalDouble.empty(), atStart),
                            new StepByStep(plan, evaluations, rank, worldSize),
                            new Recorder(rank));
        }
    }

    /** One step after the other. */
    private static final class StepByStep implements TrainLoop.Orders {
        private final BatchPlan plan;
        private final RunPlan evaluations;
        private final int rank;
        private final int worldSize;
        private long step;
        private Optional<Lease> known = Optional.empty();

        StepByStep(BatchPlan plan, RunPlan evaluations, int rank, int worldSize) {
            this.plan = plan;
            this.evaluations = evaluations;
            this.rank = rank;
            this.worldSize = worldSize;
        }

        @Override
        public Lease nextLease() {
            Lease lease = known.orElseGet(this::lease);
            known = Optional.empty();
            return lease;
        }

        @Override
        public Optional<Lease> known() {
            if (known.isEmpty() && step < evaluations.totalSteps()) {
                known = Optional.of(lease());
            }
            return known;
        }

        private Lease lease() {
            StepShard shard = new StepShard(step, plan.shards(step, rank, worldSize), plan.epochAfter(step + 1));
            step++;
            return new Lease(1, step, List.of(shard), false, evaluations.evaluatesBehind(step));
        }

        @Override
        public Finish finish() {
            throw new AssertionError("the last weights are the final ones here");
        }
    }

    /** Null where a rank is alone on its node. */
    private static SharedSegments segments(Group neighbours, Path shared) {
        if (neighbours.worldSize() == 1) {
            return null;
        }
        try {
            Path node = Files.createDirectories(shared.resolve("node-" + neighbours.firstRank()));
            return new SharedSegments(node, neighbours, STRIPE_BYTES);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private final class Recorder implements TrainLoop.Reports {
        private final int rank;
        private long before = allocatedByThisThread();

        Recorder(int rank) {
            this.rank = rank;
        }

        private static long allocatedByThisThread() {
            return ((ThreadMXBean) ManagementFactory.getThreadMXBean())
                    .getThreadAllocatedBytes(Thread.currentThread().getId());
        }

        @Override
        public void stepDone(
                long step,
                double lossSum,
                long count,
                long tokens,
                double gradNorm,
                double rate,
                StepTimes times,
                StepWire wire,
                String leftOut) {
            lossSums.get(rank).add(lossSum);
            labelled.get(rank).add(count);
            gradNorms.get(rank).add(gradNorm);
            rates.get(rank).add(rate);
            InProcessRun.this.times.get(rank).add(times);
            wires.get(rank).add(wire);
            InProcessRun.this.leftOut.get(rank).add(leftOut);
            if (rank == 0) {
                allocatedBytes.add(allocatedByThisThread() - before);
                before = allocatedByThisThread();
            }
        }

        @Override
        public void partWritten(long step, List<WrittenFile> files) {
            if (!owesTheLast) {
                throw new AssertionError("no checkpoint was asked for");
            }
            written.addAll(files);
        }

        @Override
        public void partFailed(long step, TuttiException cause) {
            throw new AssertionError("no part of a checkpoint was to fail", cause);
        }

        @Override
        public void evaluated(long step, double epoch, Found found) {
            evaluations.get(rank).put(step, found);
        }

        @Override
        public void finished(long step, String weightsHash) {
            hashes.set(rank, weightsHash);
        }
    }

    /** By rank and the steps behind the weights. */
    List<Map<Long, Found>> evaluations() {
        return evaluations;
    }

    /** Parts of the checkpoint. */
    List<WrittenFile> written() {
        return written;
    }

    List<Double> losses() {
        return IntStream.range(0, lossSums.get(0).size())
                .mapToObj(step -> lossSums.get(0).get(step) / labelled.get(0).get(step))
                .toList();
    }

    List<Double> gradNorms() {
        return gradNorms.get(0);
    }

    List<Double> rates() {
        return rates.get(0);
    }

    List<StepTimes> times() {
        return times.get(0);
    }

    /** By rank and step. */
    List<List<StepWire>> wires() {
        return wires;
    }

    /** Why each step of rank 0 was left out, or empty. */
    List<String> leftOut() {
        return leftOut.get(0);
    }

    /** Bytes of Java heap that the training thread of rank 0 took in each step. */
    List<Long> allocatedBytes() {
        return allocatedBytes;
    }

    List<String> hashes() {
        return hashes;
    }

    static Path finalModel(Map<String, String> flags) {
        return Path.of(flags.get("output_dir"));
    }
}
