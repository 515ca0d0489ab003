package tutti.coordinator.run;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.PostStop;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.BehaviorBuilder;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import akka.japi.function.Function;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import tutti.common.checkpoint.Checkpoints;
import tutti.common.config.RunConfig;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.metrics.StepMetrics;
import tutti.common.protocol.ClusterConfig;
import tutti.common.protocol.GradientKey;
import tutti.common.protocol.WireMessage;
import tutti.common.protocol.WorkerCommand;
import tutti.common.protocol.WorkerReport;
import tutti.common.protocol.WorkerReport.Evaluated;
import tutti.common.protocol.WorkerReport.Failed;
import tutti.common.protocol.WorkerReport.Finished;
import tutti.common.protocol.WorkerReport.Loading;
import tutti.common.protocol.WorkerReport.Nonfinite;
import tutti.common.protocol.WorkerReport.PartFailed;
import tutti.common.protocol.WorkerReport.PartWritten;
import tutti.common.protocol.WorkerReport.Preempted;
import tutti.common.protocol.WorkerReport.Ready;
import tutti.common.protocol.WorkerReport.Stalled;
import tutti.common.protocol.WorkerReport.StepDone;
import tutti.coordinator.ledger.Past;
import tutti.coordinator.ledger.RunLedger;
import tutti.coordinator.membership.Membership;
import tutti.coordinator.membership.MembershipEvent;
import tutti.coordinator.plan.Formation;
import tutti.coordinator.plan.Member;
import tutti.coordinator.plan.RunPlan;
import tutti.coordinator.plan.StepGather;

/**
 * The run, one method for each state: {@link #forming}, {@link #loading}, {@link #training}, {@link #finishing}, and {@link
 * Regrouping} where a worker was lost, from which the next generation goes on with what the others hold. The outcome goes
 * into a future: normally when all ranks are done and hold the same bits, with the final model written if it is wanted; else with
 * the first cause.
 */
public final class RunActor {
    /** Loading ends long before, or is told of; this is for a worker that hangs in it. */
    static final Duration LOADING_DEADLINE = Duration.ofMinutes(30);
    /** So long after a worker could not reach another somebody should be lost; else it is looked for who does not answer. */
    private static final Duration SUSPICION = Duration.ofSeconds(5);
    /** Longer than any step or write on a slow disk should take; a lost peer is noticed long before by those who wait for it. */
    private static final Duration SILENCE_DEADLINE = Duration.ofMinutes(60);
    /** An evaluation tells nothing until it ends, and answers take long; a thread that stands still in it is seen by its heartbeat. */
    private static final Duration EVALUATION_DEADLINE = Duration.ofDays(1);

    private final ActorContext<Message> context;
    final TimerScheduler<Message> timers;
    final RunConfig config;
    final String resumeFrom;
    final RunLedger ledger;
    final Announcer announcer;
    private final LongSupplier clock;
    private final Supplier<ExecutorService> disk;
    private final CompletableFuture<Void> outcome;
    private final String runId;
    final Losses losses;
    final Guards guards;
    final Resizing resizing;
    final Evaluations evaluations;
    private final Regrouping regrouping = new Regrouping(this);
    final ActorRef<WireMessage> membership;

    /** Steps that were left out in the last rollback, and all before them; 0: there was none. */
    long leftOut;
    /** The generation in which that was. */
    int rolledBackIn;

    /** No generation has begun since. */
    boolean rollingBack;

    List<Member> members = List.of();
    int generation;
    /** All that have joined, those included that no generation has a rank for. */
    private final Set<ActorRef<WorkerCommand>> joined = new LinkedHashSet<>();
    /** Steps of which {@code metrics.jsonl} has a line. */
    private long measured;
    /** What workers say of steps while they load, since nobody may have heard it. */
    private final List<StepDone> told = new ArrayList<>();
    /** Told to make room while there was nothing to be saved yet. */
    boolean preempted;

    Optional<Checkpointing> checkpoints = Optional.empty();

    /** What this actor hears. */
    public sealed interface Message {}

    record Members(MembershipEvent event) implements Message {}

    record Worker(WorkerReport report) implements Message {}

    record Settled(Commits.Outcome checkpoint) implements Message {}

    private record CommitBroken(Throwable cause) implements Message {}

    record SaveNow() implements Message {}

    record Preempt() implements Message {}

    private record Silence(String what) implements Message {}

    private record Suspicion(Failed failed) implements Message {}

    record Hung(Failed failed, boolean askedAgain) implements Message {}

    private record Beat() implements Message {}

    /** Asks for a checkpoint after the steps that are handed out: within seconds. */
    public static Message saveNow() {
        return new SaveNow();
    }

    /** Asks for a checkpoint after the steps that are handed out, and for the end of the run behind it. */
    public static Message preempt() {
        return new Preempt();
    }

    private RunActor(
            ActorContext<Message> context,
            TimerScheduler<Message> timers,
            RunConfig config,
            String runId,
            String resumeFrom,
            Past past,
            RunLedger ledger,
            Announcer announcer,
            LongSupplier clock,
            Supplier<ExecutorService> disk,
            CompletableFuture<Void> outcome) {
        this.context = context;
        this.timers = timers;
        this.config = config;
        this.runId = runId;
        this.losses = new Losses(config.launch().maxRestarts(), past.lost());
        this.resumeFrom = resumeFrom;
        this.measured = past.measured();
        this.leftOut = past.leftOut();
        this.rolledBackIn = past.rolledBackIn();
        this.ledger = ledger;
        this.announcer = announcer;
        this.clock = clock;
        this.disk = disk;
        this.outcome = outcome;
        ActorRef<MembershipEvent> events = context.messageAdapter(MembershipEvent.class, Members::new);
        this.guards = new Guards(config.guards(), past.rollbacks(), ledger, announcer);
        this.resizing = new Resizing(config, announcer);
        this.evaluations = new Evaluations(config.eval(), past, resumeFrom, ledger, announcer);
        membership = context.spawn(
                Membership.create(
                        runId,
                        new Formation(config.launch(), config.train()),
                        past.generation(),
                        past.worldSize(),
                        events),
                ClusterConfig.MEMBERSHIP);
        timers.startTimerWithFixedDelay(new Beat(), RunLedger.BEAT);
        announcer.beat();
    }

    /**
     * @param resumeFrom a whole checkpoint folder, or empty
     * @param past what coordinators of this run before this one have left
     * @param clock nanoseconds
     */
    public static Behavior<Message> create(
            RunConfig config,
            String runId,
            String resumeFrom,
            Past past,
            RunLedger ledger,
            Announcer announcer,
            LongSupplier clock,
            CompletableFuture<Void> outcome) {
        return create(config, runId, resumeFrom, past, ledger, announcer, clock, Commits::ownThread, outcome);
    }

    /** @param disk where checkpoints are committed, one at a time; closed with the run */
    public static Behavior<Message> create(
            RunConfig config,
            String runId,
            String resumeFrom,
            Past past,
            RunLedger ledger,
            Announcer announcer,
            LongSupplier clock,
            Supplier<ExecutorService> disk,
            CompletableFuture<Void> outcome) {
        return Behaviors.setup(context -> Behaviors.withTimers(timers -> new RunActor(
                        context, timers, config, runId, resumeFrom, past, ledger, announcer, clock, disk, outcome)
                .forming()));
    }

    // ---- forming: workers arrive ----

    private Behavior<Message> forming() {
        return beforeTheFirstStep()
                .onMessage(Members.class, guarded(members -> {
                    MembershipEvent event = members.event();
                    noteArrival(event);
                    if (event instanceof MembershipEvent.Arrived arrived) {
                        announcer.arrived(arrived.present(), arrived.expected());
                    } else if (event instanceof MembershipEvent.TooFew few) {
                        return fail(tooFew(few));
                    } else if (event instanceof MembershipEvent.Formed formed) {
                        resizing.formed(nodes(formed.members()));
                        Start start = shards(formed)
                                ? Start.reading(resumeFrom, leftOut)
                                : Start.of(
                                        formed.members(),
                                        member -> member.heldSince(rolledBackIn),
                                        resumeFrom,
                                        leftOut);
                        return formed(formed, start);
                    }
                    return Behaviors.same();
                }))
                .build();
    }

    Behavior<Message> formed(MembershipEvent.Formed formed, Start start) {
        noteWhoLeft(formed);
        members = formed.members();
        generation = formed.generation();
        if (!losses.bearable()) {
            return fail(losses.tooMany());
        }
        ledger.happened(
                "generation_formed",
                Map.of(
                        "generation",
                        generation,
                        "world_size",
                        members.size(),
                        "members",
                        members.stream().map(Member::describe).toList()));
        announcer.formed(generation, members);
        ActorRef<WorkerReport> reports = context.messageAdapter(WorkerReport.class, Worker::new);
        Optional<GradientKey> key = config.allReduce().secure() ? Optional.of(GradientKey.random()) : Optional.empty();
        for (Member member : members) {
            member.commands()
                    .tell(new WorkerCommand.Assign(
                            runId,
                            generation,
                            member.rank(),
                            members.size(),
                            members.stream().map(Member::peer).toList(),
                            start.resumeFrom(),
                            start.stateFrom(),
                            key,
                            reports));
        }
        expectWithin(LOADING_DEADLINE, "loading model and data");
        return loading(new TreeMap<>(), start);
    }

    /** Is state of the optimizer dealt among its members, so that none has all of it? */
    boolean shards(MembershipEvent.Formed formed) {
        return config.optim().zero() > 0 && formed.members().size() > 1;
    }

    /** Nodes of the last generation of which nobody is here any more: they have left it, and what they lost is no failure. */
    private void noteWhoLeft(MembershipEvent.Formed formed) {
        Set<Integer> nodes = nodes(members);
        nodes.removeAll(formed.nodes());
        losses.left(nodes);
        for (int node : nodes) {
            ledger.happened("node_left", Map.of("generation", generation, "node", node));
            announcer.note(
                    "node %d is not here: training goes on with %d workers instead of %d, and the same virtual ranks; it may come back"
                            .formatted(node, formed.members().size(), members.size()));
        }
    }

    static Set<Integer> nodes(List<Member> members) {
        return members.stream().map(member -> member.join().nodeRank()).collect(Collectors.toCollection(TreeSet::new));
    }

    // ---- loading: every rank reads model and data ----

    private Behavior<Message> loading(TreeMap<Integer, Ready> readies, Start start) {
        return beforeTheFirstStep()
                .onMessage(Worker.class, guarded(worker -> {
                    if (isLate(worker.report())) {
                        return Behaviors.same();
                    }
                    if (worker.report() instanceof Failed failed) {
                        return failed(failed);
                    }
                    if (worker.report() instanceof Preempted leaving) {
                        return asksToSpare(leaving) ? Behaviors.same() : preemptedEarly();
                    }
                    if (worker.report() instanceof StepDone done) {
                        told.add(done);
                        return Behaviors.same();
                    }
                    if (worker.report() instanceof Loading loading) {
                        expectWithin(LOADING_DEADLINE, "loading model and data");
                        announcer.loading(loading);
                        return Behaviors.same();
                    }
                    if (worker.report() instanceof Evaluated found) {
                        evaluations.add(found);
                        return Behaviors.same();
                    }
                    if (!(worker.report() instanceof Ready ready)) {
                        return unexpected(worker.report(), "loading");
                    }
                    readies.put(ready.rank(), ready);
                    announcer.ready(ready);
                    return readies.size() < members.size() ? Behaviors.same() : begin(readies, start);
                }))
                .onMessage(Members.class, guarded(event -> whileRunning(event, Optional.empty())))
                .onMessage(
                        Suspicion.class, guarded(suspicion -> regrouping.suspect(suspicion.failed(), Optional.empty())))
                .build();
    }

    private Behavior<Message> begin(TreeMap<Integer, Ready> readies, Start start) {
        Ready first = readies.firstEntry().getValue();
        for (Ready ready : readies.values()) {
            if (!ready.fingerprint().equals(first.fingerprint()) || ready.firstStep() != first.firstStep()) {
                return fail(new TuttiException(
                        Category.DATA,
                        "rank %d read other data or another checkpoint than rank 0; every node needs the same files"
                                .formatted(ready.rank())));
            }
        }
        RunPlan plan = new RunPlan(config, members.size(), first.samples());
        long firstStep = start.firstStep(first.firstStep());
        ledger.happened(
                "training_began",
                Map.of(
                        "generation", generation,
                        "first_step", firstStep,
                        "total_steps", plan.totalSteps(),
                        "samples", first.samples(),
                        "labelled_tokens", first.labelledTokens(),
                        "parameters", first.parameters(),
                        "data_sha256", first.fingerprint()));
        announcer.begin(plan, firstStep, generation);
        Checkpointing saving = checkpoints.orElseGet(() -> new Checkpointing(
                new SaveSchedule(config.output(), firstStep, clock),
                new Commits(config.output(), disk.get()),
                ledger,
                announcer));
        checkpoints = Optional.of(saving);
        boolean read = first.firstStep() == firstStep;
        boolean saves = !read && saving.owed(plan, firstStep, resumeFrom) && saving.begin(firstStep, members.size());
        OptionalDouble saveAtEpoch = saves ? OptionalDouble.of(plan.epochAfter(firstStep)) : OptionalDouble.empty();
        OptionalDouble evaluateAtEpoch = evaluations.due(plan, firstStep)
                ? OptionalDouble.of(plan.epochAfter(firstStep))
                : OptionalDouble.empty();
        tellAll(new WorkerCommand.Begin(generation, firstStep, plan.totalSteps(), saveAtEpoch, evaluateAtEpoch));
        rollingBack = false;
        guards.begin(members);
        Training training = new Training(
                plan, readies, firstStep, saving, evaluations, new Leases(members, generation, announcer, clock));
        catchUp(training, firstStep);
        training.leases.next(training);
        conclude(training);
        if (preempted) {
            context.getSelf().tell(new Preempt());
        }
        return training(training);
    }

    /** Steps that a coordinator before this one may not have heard of in full. */
    private void catchUp(Training training, long firstStep) {
        StepGather gather = new StepGather(members.size(), training.plan);
        told.stream()
                .filter(done -> done.step() >= measured && done.step() < firstStep)
                .peek(guards::watch)
                .flatMap(done -> gather.add(done).stream())
                .forEach(metrics -> announce(training, metrics));
        gather.close(firstStep).forEach(metrics -> announce(training, metrics));
        told.clear();
    }

    // ---- training: steps, reports, leases, checkpoints ----

    private Behavior<Message> training(Training training) {
        expectAReport(training);
        return state().onMessage(Worker.class, guarded(worker -> {
                    expectAReport(training);
                    return isLate(worker.report()) ? Behaviors.same() : report(training, worker.report());
                }))
                .onMessage(Settled.class, guarded(settled -> {
                    ended(training.checkpoints, settled.checkpoint());
                    training.leases.next(training);
                    return training.leaving ? leaving(training) : finishing(training);
                }))
                .onMessage(SaveNow.class, guarded(now -> {
                    training.checkpoints.schedule().ask();
                    training.leases.next(training);
                    return Behaviors.same();
                }))
                .onMessage(Preempt.class, guarded(preempt -> preempted(training)))
                .onMessage(Members.class, guarded(event -> whileRunning(event, Optional.of(training))))
                .onMessage(
                        Suspicion.class,
                        guarded(suspicion -> regrouping.suspect(suspicion.failed(), Optional.of(training))))
                .build();
    }

    /** Within an hour of a step; nobody reports from an evaluation until it ends. */
    private void expectAReport(Training training) {
        boolean evaluating = evaluations.due(training.plan, training.completed);
        expectWithin(evaluating ? EVALUATION_DEADLINE : SILENCE_DEADLINE, evaluating ? "evaluating" : "training");
    }

    private Behavior<Message> report(Training training, WorkerReport report) {
        if (report instanceof Failed failed) {
            return failed(failed);
        }
        if (report instanceof Nonfinite nonfinite) {
            return guards.against(nonfinite, training.leaving)
                    .map(this::fail)
                    .orElseGet(() -> regrouping.rollBack(nonfinite, training));
        }
        if (report instanceof StepDone done) {
            stepDone(training, done);
        } else if (report instanceof Evaluated found) {
            evaluations.add(found);
            expectAReport(training);
        } else if (report instanceof PartWritten part) {
            partEnded(training, part.step(), training.checkpoints.add(part));
        } else if (report instanceof PartFailed part) {
            partEnded(training, part.step(), training.checkpoints.add(part));
        } else if (report instanceof Finished finished) {
            training.finished.put(finished.rank(), finished.weightsHash());
            training.memory.add(finished);
        } else if (report instanceof Preempted leaving) {
            return asksToSpare(leaving) ? Behaviors.same() : preempted(training);
        } else if (report instanceof Stalled stalled) {
            ledger.happened(
                    "collective_stalled",
                    Map.of("generation", generation, "rank", stalled.rank(), "message", stalled.message()));
        } else {
            return unexpected(report, "training");
        }
        return finishing(training);
    }

    private void stepDone(Training training, StepDone done) {
        if (done.step() < training.firstStep || done.step() >= training.leased) {
            // Told again, of a generation before this one.
            return;
        }
        announcer.worker(done);
        guards.watch(done);
        training.gather.add(done).ifPresent(metrics -> {
            training.completed = done.step() + 1;
            training.stepMillis = metrics.stepMs();
            announce(training, metrics);
            expectAReport(training);
            if (training.checkpoints.schedule().askedByFile()) {
                training.checkpoints.schedule().ask();
            }
            training.leases.next(training);
            if (training.completed == training.leased) {
                training.heldSince = OptionalLong.of(clock.getAsLong());
                announcer.writing();
            }
        });
    }

    void announce(Training training, StepMetrics metrics) {
        // A step that is trained again leaves the bits that it left before.
        if (training.plan.logs(metrics.step() - 1) && metrics.step() > measured) {
            ledger.measured(metrics);
            measured = metrics.step();
        }
        guards.watch(metrics);
        announcer.step(metrics, training.plan.totalSteps());
    }

    void partEnded(Training training, long step, boolean last) {
        if (last) {
            context.pipeToSelf(
                    training.checkpoints.settle(step, evaluations.best()),
                    (checkpoint, cause) -> cause == null ? new Settled(checkpoint) : new CommitBroken(cause));
        }
    }

    void ended(Checkpointing saving, Commits.Outcome checkpoint) {
        saving.ended(checkpoint);
        if (checkpoint instanceof Commits.Committed committed) {
            evaluations.committed(committed);
            resizing.committed();
        }
    }

    private Behavior<Message> spared(MembershipEvent.Spared spared, Optional<Training> training) {
        if (!nodes(members).contains(spared.node())) {
            return Behaviors.same();
        }
        if (!spared.enough()) {
            return training.map(this::preempted).orElseGet(this::preemptedEarly);
        }
        resizing.departs(spared.node());
        return training.map(this::resized).orElse(Behaviors.same());
    }

    private Behavior<Message> resized(Training training) {
        return resizing.isDue(training) ? regrouping.resize(training) : Behaviors.same();
    }

    int node(Preempted leaving) {
        return members.get(leaving.rank()).join().nodeRank();
    }

    /** @return whether the run may go on without the node that is to make room: who is here says so; else all of it ends */
    boolean asksToSpare(Preempted leaving) {
        // Asked by each of its workers, and in each generation: the first answer stands.
        if (config.launch().elastic() && !resizing.departing().contains(node(leaving))) {
            membership.tell(Membership.spare(node(leaving)));
        }
        return config.launch().elastic();
    }

    // ---- leaving: told to make room, behind one more checkpoint ----

    private Behavior<Message> preempted(Training training) {
        if (training.leaving || training.leased == training.plan.totalSteps()) {
            // At its end it ends by itself, and soon.
            return Behaviors.same();
        }
        training.leaving = true;
        ledger.happened("preemption_announced", Map.of("step", training.completed));
        training.checkpoints.schedule().ask();
        training.leases.next(training);
        return leaving(training);
    }

    /** All steps that were handed out lie before the checkpoint that is the last. */
    private Behavior<Message> leaving(Training training) {
        if (training.checkpoints.schedule().inFlight()) {
            return Behaviors.same();
        }
        if (!training.checkpoints.schedule().committed(training.leased)) {
            return fail(TuttiException.environment(
                    "told to leave, but no checkpoint of step %d could be written; older ones stay", training.leased));
        }
        String folder = Checkpoints.name(training.leased);
        ledger.happened("run_preempted", Map.of("step", training.leased, "checkpoint", folder));
        return end(new TuttiException(
                Category.PREEMPTED,
                "preempted after step %d, %s is committed; the same command with --resume_from_checkpoint True goes on"
                        .formatted(training.leased, folder)));
    }

    // ---- finishing: every rank is done and every checkpoint is committed ----

    /** Where the best model is to be the final one: all steps are done, and it is known how good each checkpoint is. */
    private void conclude(Training training) {
        long total = training.plan.totalSteps();
        boolean known = training.completed == total && !evaluations.due(training.plan, total);
        boolean writing = training.checkpoints.schedule().inFlight() || training.checkpoints.settling();
        if (config.eval().loadBest() && known && !writing && !training.concluded) {
            training.concluded = true;
            tellAll(new WorkerCommand.Finish(generation, evaluations.conclude(total)));
        }
    }

    private Behavior<Message> finishing(Training training) {
        conclude(training);
        if (training.finished.size() < members.size()
                || training.checkpoints.schedule().inFlight()) {
            return resized(training);
        }
        Set<String> hashes = new HashSet<>(training.finished.values());
        if (hashes.size() > 1) {
            return fail(TuttiException.bug("the ranks end with different weights: %s", training.finished));
        }
        ledger.happened(
                "run_finished",
                Map.of(
                        "steps",
                        training.completed,
                        "weights_sha256",
                        training.finished,
                        "planned_peak_bytes",
                        training.memory.planned(),
                        "measured_peak_bytes",
                        training.memory.measured()));
        training.memory.summary().ifPresent(announcer::note);
        announcer.done(
                training.completed, hashes.iterator().next(), config.output().saveFinalModel());
        evaluations.table().forEach(announcer::note);
        dismissAll(WorkerCommand.Leave.done());
        outcome.complete(null);
        return Behaviors.stopped();
    }

    // ---- what every state shares ----

    private BehaviorBuilder<Message> beforeTheFirstStep() {
        return state().onMessage(SaveNow.class, now -> saveSoon())
                .onMessage(Preempt.class, preempt -> preemptedEarly());
    }

    /** By the next generation; before the first nothing is there to be saved. */
    Behavior<Message> saveSoon() {
        checkpoints.ifPresent(saving -> saving.schedule().ask());
        return Behaviors.same();
    }

    /** Later generations have what earlier ones trained: it is saved when they begin. */
    private Behavior<Message> preemptedEarly() {
        if (generation > 1) {
            preempted = true;
            return Behaviors.same();
        }
        return fail(new TuttiException(
                Category.PREEMPTED, "preempted before the first step; the same command starts where this one did"));
    }

    BehaviorBuilder<Message> state() {
        return Behaviors.receive(Message.class)
                .onMessage(Beat.class, guarded(beat -> {
                    ledger.beat();
                    announcer.beat();
                    return Behaviors.same();
                }))
                .onMessage(CommitBroken.class, broken -> fail(asTutti(broken.cause())))
                .onMessage(
                        Silence.class,
                        silence -> fail(new TuttiException(
                                Category.PEER,
                                "no worker reported for too long while %s; see logs/".formatted(silence.what()))))
                .onSignal(PostStop.class, stop -> {
                    checkpoints.ifPresent(Checkpointing::close);
                    return Behaviors.same();
                });
    }

    /** A handler that throws (disk full, a fault of ours) ends the run with its cause; the actor's death alone would hide it. */
    <M extends Message> Function<M, Behavior<Message>> guarded(Function<M, Behavior<Message>> handler) {
        return message -> {
            try {
                return handler.apply(message);
            } catch (TuttiException e) {
                return fail(e);
            } catch (RuntimeException e) {
                context.getLog().error("while handling {}", message, e);
                return fail(new TuttiException(Category.BUG, "the coordinator failed: " + e, e));
            }
        };
    }

    private Behavior<Message> whileRunning(Members event, Optional<Training> training) {
        noteArrival(event.event());
        if (event.event() instanceof MembershipEvent.CouldGrow) {
            resizing.couldGrow();
            return training.map(this::resized).orElse(Behaviors.same());
        }
        if (event.event() instanceof MembershipEvent.Spared spared) {
            return spared(spared, training);
        }
        if (!(event.event() instanceof MembershipEvent.Lost lost)) {
            return Behaviors.same();
        }
        boolean leaving = training.filter(run -> run.leaving).isPresent();
        return leaving ? fail(lost(lost)) : regrouping.lost(lost, training);
    }

    /** One that lost a peer may be the first to say so: who it was comes from the membership, if it comes. */
    Behavior<Message> failed(Failed failed) {
        if (failed.category() != Category.PEER || losses.allowed() == 0) {
            return fail(cause(failed));
        }
        if (!timers.isTimerActive("suspicion")) {
            timers.startSingleTimer("suspicion", new Suspicion(failed), SUSPICION);
        }
        return Behaviors.same();
    }

    static TuttiException cause(Failed failed) {
        return new TuttiException(failed.category(), failed.message());
    }

    /** Of a generation that is over. */
    boolean isLate(WorkerReport report) {
        return report.generation() != generation;
    }

    static TuttiException tooFew(MembershipEvent.TooFew few) {
        return new TuttiException(
                Category.PEER,
                "%d of %d workers joined within --rdzv_timeout %d s; look at logs/rank-N.log of those that are missing"
                        .formatted(few.present(), few.expected(), few.seconds()));
    }

    static TuttiException lost(MembershipEvent.Lost lost) {
        return new TuttiException(
                Category.PEER,
                "%s does not answer any more; see logs/rank-%d.log"
                        .formatted(lost.member().describe(), lost.member().rank()));
    }

    private Behavior<Message> unexpected(WorkerReport report, String state) {
        context.getLog().warn("{} while {}; ignored", report, state);
        return Behaviors.same();
    }

    Behavior<Message> fail(TuttiException cause) {
        try {
            ledger.happened("run_failed", Map.of("category", cause.category().name(), "message", cause.getMessage()));
        } catch (TuttiException e) {
            // The ledger may be what failed in the first place.
            context.getLog().error("the failure could not be written to the ledger: {}", e.getMessage());
        }
        return end(cause);
    }

    private Behavior<Message> end(TuttiException cause) {
        try {
            dismissAll(WorkerCommand.Leave.failed(cause.category(), "the run ended: " + cause.getMessage()));
            announcer.failed(cause);
        } finally {
            outcome.completeExceptionally(cause);
        }
        return Behaviors.stopped();
    }

    /** Those without a rank, too: they would stand by for ever. */
    private void dismissAll(WorkerCommand.Leave leave) {
        members.forEach(member -> joined.add(member.commands()));
        joined.forEach(worker -> worker.tell(leave));
    }

    void noteArrival(MembershipEvent event) {
        if (event instanceof MembershipEvent.Arrived arrived) {
            joined.add(arrived.worker());
        }
    }

    private void tellAll(WorkerCommand command) {
        members.forEach(member -> member.commands().tell(command));
    }

    void expectWithin(Duration time, String what) {
        timers.startSingleTimer("silence", new Silence(what), time);
    }

    private static TuttiException asTutti(Throwable cause) {
        Throwable root = cause.getCause() == null ? cause : cause.getCause();
        return root instanceof TuttiException known
                ? known
                : new TuttiException(Category.BUG, "commit failed: " + root, root);
    }
}
