package tutti.coordinator.simulation;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.function.LongConsumer;
import tutti.common.error.Category;
import tutti.common.protocol.Peer;
import tutti.common.protocol.StepShard;
import tutti.common.protocol.WorkerCommand;
import tutti.common.protocol.WorkerCommand.Assign;
import tutti.common.protocol.WorkerCommand.Begin;
import tutti.common.protocol.WorkerCommand.Finish;
import tutti.common.protocol.WorkerCommand.Hold;
import tutti.common.protocol.WorkerCommand.Lease;
import tutti.common.protocol.WorkerReport;
import tutti.common.protocol.WorkerReport.Evaluated;
import tutti.common.protocol.WorkerReport.StepDone;
import tutti.common.protocol.WorkerReport.StepTimes;
import tutti.common.protocol.WorkerReport.StepWire;

/** The training thread of a worker, as the worker's own is: one generation after the other, orders through a queue. */
final class SimulatedTraining {
    private static final int RECENT = 64;
    private static final long NOTHING = -1;
    /** Added to a step: the collective in which it is evaluated. */
    private static final long EVALUATION = 1 << 20;

    private final SimulatedWorker worker;
    private final SimulatedCluster cluster;
    private final Schedule schedule;
    private final Deque<WorkerCommand> orders = new ArrayDeque<>();
    private final Deque<StepDone> recent = new ArrayDeque<>();
    private final Deque<Evaluated> evaluated = new ArrayDeque<>();
    private final Deque<StepShard> shards = new ArrayDeque<>();
    /** By generation, by collective, by rank. */
    private final Map<Integer, Map<Long, TreeMap<Integer, Contribution>>> frames = new HashMap<>();

    private final List<LongConsumer> whenLeft = new ArrayList<>();
    private Optional<SimulatedPart> part = Optional.empty();
    private Doing doing = Doing.NOTHING;
    /** Of what it does: an event for what it did before is void. */
    private long turn;

    private Assign assign;
    private SimulatedCoordinator coordinator;
    private int ordered;
    private int held;
    private boolean closed;
    private OptionalLong left = OptionalLong.of(NOTHING);
    private boolean loaded;
    private long completed = NOTHING;
    private long state;
    private long firstStep;
    private long totalSteps;
    private long step;
    private boolean saves;
    private OptionalDouble evaluates = OptionalDouble.empty();
    private double epoch;

    private enum Doing {
        NOTHING,
        LOADS,
        WAITS_FOR_BEGIN,
        HANDS_OVER,
        WAITS_FOR_LEASE,
        COMPUTES,
        REDUCES,
        EVALUATES,
        WAITS_FOR_FINISH,
        ENDS,
        WAITS_FOR_HOLD
    }

    SimulatedTraining(SimulatedWorker worker, SimulatedCluster cluster) {
        this.worker = worker;
        this.cluster = cluster;
        this.schedule = cluster.schedule();
    }

    int generation() {
        return ordered;
    }

    /** @param from whose order it is */
    void order(WorkerCommand command, SimulatedCoordinator from) {
        if (command instanceof Assign next) {
            cluster.invariants().rises(worker.name(), ordered, next.generation());
            ordered = next.generation();
            left = OptionalLong.empty();
            coordinator = from;
        }
        orders.add(command);
        wake();
    }

    /** @param then hears what is left when the newest generation has ended */
    void hold(LongConsumer then) {
        held = ordered;
        orders.add(new Hold(ordered));
        whenLeft.add(then);
        int generation = ordered;
        worker.later(schedule.between(0, 20), () -> close(generation));
        wake();
        tellLeft();
    }

    private void tellLeft() {
        if (left.isPresent()) {
            List<LongConsumer> hear = List.copyOf(whenLeft);
            whenLeft.clear();
            hear.forEach(one -> one.accept(left.getAsLong()));
        }
    }

    /** The collectives: who waits in one of them waits no more. */
    private void close(int generation) {
        if (assign != null && assign.generation() == generation) {
            closed = true;
            if (doing == Doing.HANDS_OVER || doing == Doing.REDUCES || doing == Doing.EVALUATES) {
                endGeneration();
            }
        }
    }

    private void next(Doing what) {
        doing = what;
        turn++;
    }

    private void later(long millis, Runnable then) {
        long mine = turn;
        worker.later(millis, () -> {
            if (turn == mine) {
                then.run();
            }
        });
    }

    private void wake() {
        while (waits() && !orders.isEmpty()) {
            WorkerCommand order = orders.remove();
            if (doing == Doing.NOTHING && order instanceof Assign next) {
                load(next);
            } else if (doing == Doing.WAITS_FOR_HOLD) {
                awaitHold();
            } else if ((doing == Doing.WAITS_FOR_BEGIN
                            || doing == Doing.WAITS_FOR_LEASE
                            || doing == Doing.WAITS_FOR_FINISH)
                    && order instanceof Hold) {
                endGeneration();
            } else if (doing == Doing.WAITS_FOR_BEGIN && order instanceof Begin begin) {
                begin(begin);
            } else if (doing == Doing.WAITS_FOR_LEASE && order instanceof Lease lease) {
                shards.addAll(lease.shards());
                saves = lease.save();
                evaluates = lease.evaluate() ? OptionalDouble.of(NOTHING) : OptionalDouble.empty();
                train();
            } else if (doing == Doing.WAITS_FOR_FINISH && order instanceof Finish finish) {
                takeBest(finish.best());
            }
        }
    }

    private boolean waits() {
        return switch (doing) {
            case NOTHING, WAITS_FOR_BEGIN, WAITS_FOR_LEASE, WAITS_FOR_FINISH, WAITS_FOR_HOLD -> true;
            case LOADS, HANDS_OVER, COMPUTES, REDUCES, EVALUATES, ENDS -> false;
        };
    }

    // ---- one generation ----

    private void load(Assign next) {
        assign = next;
        closed = false;
        shards.clear();
        saves = false;
        evaluates = OptionalDouble.empty();
        frames.keySet().removeIf(generation -> generation < next.generation());
        next(Doing.LOADS);
        if (held >= next.generation()) {
            endGeneration();
            return;
        }
        part.ifPresent(SimulatedPart::abandon);
        boolean reads = !loaded || next.stateFrom() < 0;
        later(reads ? schedule.between(20, 2000) : schedule.between(1, 50), this::loaded);
    }

    private void loaded() {
        loaded = true;
        if (assign.stateFrom() < 0) {
            cluster.invariants().reads(worker.name(), completed);
            SimulatedPart.State read = assign.resumeFrom().isEmpty()
                    ? new SimulatedPart.State(0, Invariants.UNTRAINED)
                    : SimulatedPart.read(assign.resumeFrom());
            completed = read.step();
            state = read.state();
        }
        recent.forEach(done -> report(done.in(assign.generation(), assign.rank())));
        evaluated.forEach(found -> report(found.in(assign.generation(), assign.rank())));
        report(new WorkerReport.Ready(
                assign.rank(),
                assign.generation(),
                cluster.settings().samples(),
                640,
                "same",
                1000,
                assign.stateFrom() < 0 ? completed : NOTHING,
                64L << 20,
                List.of()));
        next(Doing.WAITS_FOR_BEGIN);
        wake();
    }

    private void begin(Begin begin) {
        cluster.invariants().begun(assign.generation(), assign.worldSize(), coordinator.name());
        firstStep = begin.firstStep();
        totalSteps = begin.totalSteps();
        step = firstStep;
        if (assign.stateFrom() < 0) {
            cluster.invariants().beginsWith(assign.generation(), new SimulatedPart.State(completed, state), firstStep);
            completed = firstStep;
        }
        saves = begin.saveAtEpoch().isPresent();
        begin.saveAtEpoch().ifPresent(epochs -> cluster.invariants().epochs(epochs, firstStep));
        evaluates = begin.evaluateAtEpoch();
        evaluates.ifPresent(epochs -> cluster.invariants().epochs(epochs, firstStep));
        if (assign.stateFrom() >= 0) {
            next(Doing.HANDS_OVER);
            contribute(0, NOTHING, List.of());
            completed = completed == firstStep ? completed : NOTHING;
        } else {
            train();
        }
    }

    private void train() {
        if (!shards.isEmpty()) {
            Invariants.require(
                    shards.peek().step() == step,
                    "%s: shard of step %d came at step %d",
                    worker.name(),
                    shards.peek().step(),
                    step);
            next(Doing.COMPUTES);
            later(schedule.between(100, 800), this::reduce);
            return;
        }
        if (saves) {
            saves = false;
            Assign of = assign;
            SimulatedCoordinator to = coordinator;
            part = Optional.of(SimulatedPart.begin(
                    cluster, worker, of, completed, state, told -> cluster.tellRun(worker, of, to, told)));
        }
        if (evaluates.isPresent()) {
            epoch = evaluates.getAsDouble() < 0 ? epoch : evaluates.getAsDouble();
            evaluates = OptionalDouble.empty();
            next(Doing.EVALUATES);
            contribute(EVALUATION + step, step, List.of());
        } else if (step == totalSteps && cluster.settings().loadsBest()) {
            next(Doing.WAITS_FOR_FINISH);
            wake();
        } else if (step == totalSteps) {
            next(Doing.ENDS);
            finish();
        } else {
            next(Doing.WAITS_FOR_LEASE);
            wake();
        }
    }

    private void takeBest(String best) {
        if (!best.isEmpty()) {
            completed = NOTHING;
            state = SimulatedPart.read(best).state();
        }
        next(Doing.ENDS);
        later(schedule.between(1, 500), this::finish);
    }

    /** When its part is written, as the worker's own loop. */
    private void finish() {
        if (part.isPresent() && !part.get().ended()) {
            later(20, this::finish);
            return;
        }
        cluster.invariants().finished(assign.rank());
        report(new WorkerReport.Finished(assign.rank(), assign.generation(), totalSteps, "%016x".formatted(state), 0));
        endGeneration();
    }

    private void endGeneration() {
        next(Doing.WAITS_FOR_HOLD);
        awaitHold();
        wake();
    }

    private void awaitHold() {
        if (held < assign.generation()) {
            return;
        }
        long whole = cluster.settings().sharded() && assign.worldSize() > 1 ? NOTHING : completed;
        report(new WorkerReport.Held(assign.rank(), assign.generation(), whole));
        left = OptionalLong.of(whole);
        next(Doing.NOTHING);
        tellLeft();
    }

    // ---- collectives ----

    private void reduce() {
        if (closed) {
            endGeneration();
            return;
        }
        next(Doing.REDUCES);
        List<Integer> samples = Arrays.stream(shards.element().samples())
                .flatMapToInt(Arrays::stream)
                .boxed()
                .toList();
        contribute(1 + step - firstStep, step, samples);
    }

    private void contribute(long index, long of, List<Integer> samples) {
        Contribution mine = new Contribution(
                assign.rank(), assign.generation(), coordinator.name(), index, of, completed, state, samples);
        for (Peer peer : assign.peers()) {
            long delay = peer.rank() == assign.rank() ? 0 : schedule.between(1, 30);
            schedule.after(delay, () -> {
                // What a process that is dead now has sent may have left it.
                if (worker.alive() || schedule.chance(0.5)) {
                    cluster.at(peer.address())
                            .ifPresent(other ->
                                    other.later(0, () -> other.training().take(mine)));
                }
            });
        }
        later(cluster.settings().patience(), () -> {
            report(new WorkerReport.Failed(
                    assign.rank(), assign.generation(), Category.PEER, worker.name() + " waits in vain"));
            endGeneration();
        });
    }

    private void take(Contribution frame) {
        if (assign == null || frame.generation() < assign.generation()) {
            return;
        }
        frames.computeIfAbsent(frame.generation(), key -> new HashMap<>())
                .computeIfAbsent(frame.index(), key -> new TreeMap<>())
                .put(frame.rank(), frame);
        long mine = switch (doing) {
            case HANDS_OVER -> 0;
            case REDUCES -> 1 + step - firstStep;
            case EVALUATES -> EVALUATION + step;
            default -> NOTHING;
        };
        TreeMap<Integer, Contribution> all =
                frames.getOrDefault(assign.generation(), Map.of()).get(mine);
        if (!closed && mine >= 0 && all != null && all.size() == assign.worldSize()) {
            reduced(List.copyOf(all.values()));
        }
    }

    private void reduced(List<Contribution> all) {
        if (doing == Doing.HANDS_OVER) {
            state = cluster.invariants().handedOver(all, assign.stateFrom(), firstStep);
            completed = firstStep;
            schedule.trace(worker.name() + " takes the state behind step " + completed);
        } else if (doing == Doing.EVALUATES) {
            cluster.invariants().evaluated(all);
            schedule.trace(worker.name() + " evaluates step " + completed + " in generation " + assign.generation());
            Evaluated found = found();
            report(found);
            keep(evaluated, found);
        } else {
            OptionalLong after = cluster.invariants().trained(all);
            if (after.isEmpty()) {
                schedule.trace(worker.name() + " finds step " + step + " not finite");
                report(new WorkerReport.Nonfinite(assign.rank(), assign.generation(), step, "not finite"));
                endGeneration();
                return;
            }
            state = after.getAsLong();
            completed = ++step;
            epoch = shards.remove().epoch();
            schedule.trace(worker.name() + " completes step " + completed + " in generation " + assign.generation());
            StepDone done = done();
            report(done);
            keep(recent, done);
        }
        train();
    }

    private static <T> void keep(Deque<T> told, T last) {
        if (told.size() == RECENT) {
            told.removeFirst();
        }
        told.addLast(last);
    }

    private Evaluated found() {
        return new Evaluated(
                assign.rank(),
                assign.generation(),
                completed,
                epoch,
                Invariants.loss(state),
                1,
                4,
                -1,
                0,
                10,
                List.of());
    }

    private StepDone done() {
        StepTimes times = new StepTimes(cluster.settings().stepMillis(), 1, 1, 1, 1, 1, 1, 1, 0);
        StepWire wire = new StepWire(1, 1, 1, 1, 0, 0, Map.of(), List.of());
        return new StepDone(
                assign.rank(), assign.generation(), completed - 1, completed, 10, 20, 1, 1e-3, times, wire, 1, "");
    }

    private void report(WorkerReport report) {
        cluster.tellRun(worker, assign, coordinator, report);
    }
}
