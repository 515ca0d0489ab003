package tutti.coordinator.run;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.PostStop;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.BehaviorBuilder;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import akka.japi.function.Function;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.function.LongSupplier;
import tutti.common.checkpoint.Checkpoints;
import tutti.common.config.GuardConfig.OnNonfinite;
import tutti.common.config.RunConfig;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.metrics.StepMetrics;
import tutti.common.protocol.ClusterConfig;
import tutti.common.protocol.GradientKey;
import tutti.common.protocol.StepShard;
import tutti.common.protocol.WireMessage;
import tutti.common.protocol.WorkerCommand;
import tutti.common.protocol.WorkerReport;
import tutti.common.protocol.WorkerReport.Failed;
import tutti.common.protocol.WorkerReport.Finished;
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
import tutti.coordinator.plan.LeaseWindow;
import tutti.coordinator.plan.Member;
import tutti.coordinator.plan.RunPlan;
import tutti.coordinator.plan.StepGather;

/**
 * The run, one method for each state: {@link #forming}, {@link #loading}, {@link #training}, {@link #finishing}, and {@link
 * #regrouping} where a worker was lost, from which the next generation goes on with what the others hold. The outcome goes
 * into a future: normally when all ranks are done and hold the same bits, with the final model written if it is wanted; else with
 * the first cause.
 */
public final class RunActor {
    /** Loading ends long before; this is for a worker that hangs in it. */
    private static final Duration LOADING_DEADLINE = Duration.ofMinutes(30);
    /** Longer than any step or write on a slow disk should take; a lost peer is noticed long before by those who wait for it. */
    private static final Duration SILENCE_DEADLINE = Duration.ofMinutes(60);

    /** So many in a run are no bad samples. */
    private static final int MOST_ROLLBACKS = 10;

    /** For a worker to finish the step, or the loading, that it is in. */
    private static final Duration HOLD_DEADLINE = Duration.ofMinutes(30);
    /** So long after a worker could not reach another somebody should be lost; else it is looked for who does not answer. */
    private static final Duration SUSPICION = Duration.ofSeconds(5);
    /** Whoever has not answered then is stopped: others have waited for it much longer before they said so. */
    private static final Duration ANSWER = Duration.ofSeconds(10);

    private final ActorContext<Message> context;
    private final TimerScheduler<Message> timers;
    private final RunConfig config;
    private final String resumeFrom;
    private final RunLedger ledger;
    private final Announcer announcer;
    private final LongSupplier clock;
    private final CompletableFuture<Void> outcome;
    private final String runId;
    private final Losses losses;
    private final LossSpikes spikes;
    private final ActorRef<WireMessage> membership;
    private int rollbacks;
    /** Steps whose losses were looked at. */
    private long watched;

    private List<Member> members = List.of();
    private int generation;
    /** Steps of which {@code metrics.jsonl} has a line. */
    private long measured;
    /** What workers say of steps while they load, since nobody may have heard it. */
    private final List<StepDone> told = new ArrayList<>();
    /** Told to make room while there was nothing to be saved yet. */
    private boolean preempted;

    private Optional<Checkpointing> checkpoints = Optional.empty();

    /** What this actor hears. */
    public sealed interface Message {}

    private record Members(MembershipEvent event) implements Message {}

    private record Worker(WorkerReport report) implements Message {}

    private record Settled(Commits.Outcome checkpoint) implements Message {}

    private record CommitBroken(Throwable cause) implements Message {}

    private record SaveNow() implements Message {}

    private record Preempt() implements Message {}

    private record Silence(String what) implements Message {}

    private record Suspicion(Failed failed) implements Message {}

    private record Hung(Failed failed) implements Message {}

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
            CompletableFuture<Void> outcome) {
        this.context = context;
        this.timers = timers;
        this.config = config;
        this.runId = runId;
        this.losses = new Losses(config.launch().maxRestarts(), past.lost());
        this.resumeFrom = resumeFrom;
        this.measured = past.measured();
        this.ledger = ledger;
        this.announcer = announcer;
        this.clock = clock;
        this.outcome = outcome;
        ActorRef<MembershipEvent> events = context.messageAdapter(MembershipEvent.class, Members::new);
        this.spikes = new LossSpikes(config.guards().lossSpikeZscore());
        membership = context.spawn(
                Membership.create(
                        runId,
                        past.generation(),
                        config.launch().worldSize(),
                        config.launch().rdzvTimeoutSeconds(),
                        events),
                ClusterConfig.MEMBERSHIP);
        timers.startTimerWithFixedDelay(new Beat(), RunLedger.BEAT);
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
        return Behaviors.setup(context -> Behaviors.withTimers(timers -> new RunActor(
                        context, timers, config, runId, resumeFrom, past, ledger, announcer, clock, outcome)
                .forming()));
    }

    // ---- forming: workers arrive ----

    private Behavior<Message> forming() {
        return beforeTheFirstStep()
                .onMessage(Members.class, guarded(members -> {
                    MembershipEvent event = members.event();
                    if (event instanceof MembershipEvent.Arrived arrived) {
                        announcer.arrived(arrived.present(), arrived.expected());
                    } else if (event instanceof MembershipEvent.TooFew few) {
                        return fail(tooFew(few));
                    } else if (event instanceof MembershipEvent.Formed formed) {
                        return formed(formed, Start.of(formed.members(), Member::held, resumeFrom));
                    }
                    return Behaviors.same();
                }))
                .build();
    }

    private Behavior<Message> formed(MembershipEvent.Formed formed, Start start) {
        members = formed.members();
        generation = formed.generation();
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
                    if (worker.report() instanceof Preempted) {
                        return preemptedEarly();
                    }
                    if (worker.report() instanceof StepDone done) {
                        told.add(done);
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
                .onMessage(Suspicion.class, guarded(suspicion -> suspect(suspicion.failed(), Optional.empty())))
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
        tellAll(new WorkerCommand.Begin(generation, firstStep, plan.totalSteps()));
        Checkpointing saving = checkpoints.orElseGet(() -> new Checkpointing(
                new SaveSchedule(config.output(), firstStep, clock),
                new Commits(config.output()),
                ledger,
                announcer,
                members.size()));
        checkpoints = Optional.of(saving);
        Training training = new Training(plan, readies, firstStep, members.size(), saving);
        catchUp(training, firstStep);
        lease(training);
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
                .flatMap(done -> gather.add(done).stream())
                .forEach(metrics -> announce(training, metrics));
        gather.close(firstStep).forEach(metrics -> announce(training, metrics));
        told.clear();
    }

    // ---- training: steps, reports, leases, checkpoints ----

    private Behavior<Message> training(Training training) {
        expectWithin(SILENCE_DEADLINE, "training");
        return state().onMessage(Worker.class, guarded(worker -> {
                    expectWithin(SILENCE_DEADLINE, "training");
                    return isLate(worker.report()) ? Behaviors.same() : report(training, worker.report());
                }))
                .onMessage(Settled.class, guarded(settled -> {
                    training.checkpoints.ended(settled.checkpoint());
                    lease(training);
                    return training.leaving ? leaving(training) : finishing(training);
                }))
                .onMessage(SaveNow.class, guarded(now -> {
                    training.checkpoints.schedule().ask();
                    lease(training);
                    return Behaviors.same();
                }))
                .onMessage(Preempt.class, guarded(preempt -> preempted(training)))
                .onMessage(Members.class, guarded(event -> whileRunning(event, Optional.of(training))))
                .onMessage(Suspicion.class, guarded(suspicion -> suspect(suspicion.failed(), Optional.of(training))))
                .build();
    }

    private Behavior<Message> report(Training training, WorkerReport report) {
        if (report instanceof Failed failed) {
            return failed(failed);
        }
        if (report instanceof Nonfinite nonfinite) {
            return nonfinite(training, nonfinite);
        }
        if (report instanceof StepDone done) {
            stepDone(training, done);
        } else if (report instanceof PartWritten part) {
            partEnded(training, part.step(), training.checkpoints.add(part));
        } else if (report instanceof PartFailed part) {
            partEnded(training, part.step(), training.checkpoints.add(part));
        } else if (report instanceof Finished finished) {
            training.finished.put(finished.rank(), finished.weightsHash());
            training.memory.add(finished);
        } else if (report instanceof Preempted) {
            return preempted(training);
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
        training.stragglers
                .add(done.rank(), done.times().compute())
                .forEach(slow -> happened(
                        "straggler_found",
                        Map.of(
                                "member",
                                members.get(slow.rank()).describe(),
                                "compute_ms",
                                slow.millis(),
                                "others_ms",
                                slow.others()),
                        "warning: " + slow.describe()));
        training.gather.add(done).ifPresent(metrics -> {
            training.completed = done.step() + 1;
            training.stepMillis = metrics.stepMs();
            watch(done, metrics);
            announce(training, metrics);
            if (training.checkpoints.schedule().askedByFile()) {
                training.checkpoints.schedule().ask();
            }
            lease(training);
            if (training.completed == training.leased) {
                training.heldSince = OptionalLong.of(clock.getAsLong());
                announcer.writing();
            }
        });
    }

    private void announce(Training training, StepMetrics metrics) {
        // A step that is trained again leaves the bits that it left before.
        if (training.plan.logs(metrics.step() - 1) && metrics.step() > measured) {
            ledger.measured(metrics);
            measured = metrics.step();
        }
        announcer.step(metrics, training.plan.totalSteps());
    }

    /**
     * Saves what is due now; then hands out shards, up to the next checkpoint of the plan. Where one is still being written, the step
     * before the next waits here: in a collective a rank that waits for a disk would look like a lost one.
     */
    private void lease(Training training) {
        // Before its first step a generation has nothing of its own to save.
        boolean between = training.firstStep < training.leased && training.leased < training.plan.totalSteps();
        if (between && training.checkpoints.schedule().dueAfter(training.leased)) {
            order(training, training.leased, true);
        }
        if (training.leaving) {
            return;
        }
        LeaseWindow.Range range = training.window.next(training.completed, training.leased, training.stepMillis);
        long to = range.from();
        boolean save = false;
        while (to < range.to()
                && !save
                && !(training.plan.savesAfter(to)
                        && training.checkpoints.schedule().inFlight())) {
            save = training.plan.savesAfter(to);
            to++;
        }
        if (to > range.from()) {
            order(training, to, save);
            training.heldSince.ifPresent(since -> announcer.waited(Duration.ofNanos(clock.getAsLong() - since)));
            training.heldSince = OptionalLong.empty();
        }
    }

    /** Tells all workers to train up to {@code to} completed steps and then, if {@code save}, to write a checkpoint. */
    private void order(Training training, long to, boolean save) {
        boolean begun = save && training.checkpoints.begin(to);
        List<List<StepShard>> shards = training.plan.shards(training.leased, to);
        for (Member member : members) {
            member.commands().tell(new WorkerCommand.Lease(generation, shards.get(member.rank()), begun));
        }
        training.leased = to;
    }

    private void partEnded(Training training, long step, boolean last) {
        if (last) {
            context.pipeToSelf(
                    training.checkpoints.settle(step),
                    (checkpoint, cause) -> cause == null ? new Settled(checkpoint) : new CommitBroken(cause));
        }
    }

    // ---- regrouping: a worker was lost, the others hold what they have, its next process comes ----

    /** @param training empty where it was lost before training began */
    private Behavior<Message> regroup(MembershipEvent.Lost lost, Optional<Training> training) {
        Regroup regroup = new Regroup(members, training);
        if (!survives(lost, regroup)) {
            return fail(losses.tooMany());
        }
        return hold(regroup);
    }

    private Behavior<Message> hold(Regroup regroup) {
        timers.cancel("suspicion");
        regroup.survivors().forEach(worker -> worker.tell(new WorkerCommand.Hold(generation)));
        expectWithin(HOLD_DEADLINE, "holding their state for the next generation");
        return regrouping(regroup);
    }

    /** Somebody waits in vain for another, and nobody was lost: who hangs is who does not answer. */
    private Behavior<Message> suspect(Failed failed, Optional<Training> training) {
        if (training.filter(run -> run.leaving).isPresent()) {
            return fail(cause(failed));
        }
        timers.startSingleTimer("hung", new Hung(failed), ANSWER);
        return hold(new Regroup(members, training));
    }

    private Behavior<Message> stopThoseThatHang(Failed failed, Regroup regroup) {
        Map<Member, Member> killers = new LinkedHashMap<>();
        // Others wait for it longer than that; one that only is slow has got on meanwhile.
        long still = Duration.ofSeconds(config.allReduce().timeoutSeconds()).toMillis() / 2;
        for (Member member : members) {
            Optional<WorkerReport.Holding> stuck = regroup.stuck(member, still);
            if (stuck.isEmpty() && !regroup.isSilent(member)) {
                continue;
            }
            ledger.happened(
                    "worker_hung",
                    Map.of(
                            "generation",
                            generation,
                            "member",
                            member.describe(),
                            "doing",
                            stuck.map(WorkerReport.Holding::doing).orElse("not known: it does not answer"),
                            "message",
                            failed.message()));
            stuck.ifPresent(holding ->
                    announcer.note("warning: %s hangs (%s); the stacks of its threads are in logs/rank-%d.log"
                            .formatted(member.describe(), holding.doing(), member.rank())));
            Optional<Member> killer = stuck.isPresent() ? Optional.of(member) : neighbour(member, regroup);
            if (killer.isEmpty()) {
                return fail(cause(failed));
            }
            killers.put(member, killer.get());
        }
        killers.forEach((member, killer) -> killer.commands()
                .tell(new WorkerCommand.StopHung(generation, member.join().pid())));
        // Whoever was lost meanwhile is waited for by the membership.
        return killers.isEmpty() && !regroup.hasLosses() ? fail(cause(failed)) : Behaviors.same();
    }

    private Optional<Member> neighbour(Member member, Regroup regroup) {
        return members.stream()
                .filter(other -> other.join().nodeRank() == member.join().nodeRank())
                .filter(other -> regroup.survivors().contains(other.commands()) && !regroup.isSilent(other))
                .findFirst();
    }

    private boolean survives(MembershipEvent.Lost lost, Regroup regroup) {
        regroup.lost(lost.member());
        checkpoints.ifPresent(saving -> saving.lost(lost.member().describe()));
        losses.add(lost(lost));
        ledger.happened(
                "worker_lost",
                Map.of("generation", generation, "member", lost.member().describe(), "losses", losses.count()));
        if (losses.bearable()) {
            announcer.lost(lost.member(), losses);
        }
        return losses.bearable();
    }

    private Behavior<Message> regrouping(Regroup regroup) {
        return state().onMessage(Worker.class, guarded(worker -> {
                    WorkerReport report = worker.report();
                    if (isLate(report)) {
                        return Behaviors.same();
                    }
                    if (report instanceof StepDone done && regroup.training().isPresent()) {
                        Training training = regroup.training().get();
                        announcer.worker(done);
                        training.gather.add(done).ifPresent(metrics -> announce(training, metrics));
                    } else if (partOfRollback(regroup, report)) {
                        return regrouped(regroup);
                    } else if (report instanceof WorkerReport.Holding holding) {
                        regroup.answered(members.get(holding.rank()), holding);
                    } else if (report instanceof WorkerReport.Held held) {
                        regroup.held(members.get(held.rank()), held.completed());
                    } else if (report instanceof Preempted) {
                        preempted = true;
                    } else if (report instanceof Failed failed && failed.category() != Category.PEER) {
                        return failed(failed);
                    }
                    return regrouped(regroup);
                }))
                .onMessage(Settled.class, guarded(settled -> {
                    checkpoints.orElseThrow().ended(settled.checkpoint());
                    return regrouped(regroup);
                }))
                .onMessage(Members.class, guarded(members -> {
                    MembershipEvent event = members.event();
                    if (event instanceof MembershipEvent.Lost lost && !survives(lost, regroup)) {
                        return fail(losses.tooMany());
                    } else if (event instanceof MembershipEvent.TooFew few) {
                        return fail(tooFew(few));
                    } else if (event instanceof MembershipEvent.Formed formed) {
                        regroup.formed(formed);
                    }
                    return regrouped(regroup);
                }))
                .onMessage(Hung.class, guarded(silence -> stopThoseThatHang(silence.failed(), regroup)))
                .onMessage(SaveNow.class, now -> Behaviors.same())
                .onMessage(Preempt.class, preempt -> {
                    preempted = true;
                    return Behaviors.same();
                })
                .build();
    }

    /** Goes on when all are here, and those that were here before have said what they hold. */
    private Behavior<Message> regrouped(Regroup regroup) {
        if (regroup.allHeld()) {
            // The membership has a shorter deadline for those that are missing.
            expectWithin(LOADING_DEADLINE, "waiting for lost workers");
        }
        boolean inFlight =
                checkpoints.filter(saving -> saving.schedule().inFlight()).isPresent();
        if (regroup.rollsBack() && regroup.allHeld() && !inFlight && regroup.renew()) {
            membership.tell(Membership.renew());
        }
        Optional<MembershipEvent.Formed> formed = regroup.formed();
        boolean settling = checkpoints.filter(Checkpointing::settling).isPresent();
        if (formed.isEmpty() || settling || !regroup.allHeld()) {
            return Behaviors.same();
        }
        String lastCommit =
                checkpoints.flatMap(Checkpointing::newest).map(Path::toString).orElse(resumeFrom);
        timers.cancel("hung");
        Start start = regroup.start(formed.get().members(), lastCommit);
        regroup.training()
                .ifPresent(training ->
                        training.gather.close(start.step()).forEach(metrics -> announce(training, metrics)));
        return formed(formed.get(), start);
    }

    // ---- guards: losses that jump, gradients that are not finite ----

    private void watch(StepDone done, StepMetrics metrics) {
        // Steps that are trained again were seen.
        if (metrics.step() > watched) {
            watched = metrics.step();
            spikes.add(metrics.loss())
                    .ifPresent(spike -> happened(
                            "loss_spiked",
                            Map.of("step", metrics.step(), "loss", metrics.loss(), "zscore", spike.zscore()),
                            "warning: step %,d: %s".formatted(metrics.step(), spike.describe())));
        }
        if (!done.leftOut().isEmpty()) {
            happened(
                    "step_left_out",
                    Map.of("step", done.step() + 1, "reason", done.leftOut()),
                    "warning: step %,d is left out: its %s".formatted(done.step() + 1, done.leftOut()));
        }
    }

    /** All ranks say so of the same step; the first one is acted on. */
    private Behavior<Message> nonfinite(Training training, Nonfinite found) {
        boolean back = config.guards().onNonfinite() == OnNonfinite.ROLLBACK && !training.leaving;
        if (!back || rollbacks == MOST_ROLLBACKS) {
            return fail(new TuttiException(
                    Category.NUMERIC,
                    "step %d%s: %s; lower --learning_rate or look at the step's samples; %s"
                            .formatted(
                                    found.step() + 1,
                                    back ? ", after %d rollbacks".formatted(rollbacks) : "",
                                    found.message(),
                                    "--on_nonfinite skip leaves such steps out")));
        }
        rollbacks++;
        happened(
                "rolled_back",
                Map.of("generation", generation, "step", found.step() + 1, "reason", found.message()),
                "warning: step %,d: %s; back to the last checkpoint, without the samples since then"
                        .formatted(found.step() + 1, found.message()));
        return hold(new Regroup(members, Optional.of(training)).rollBack(found.step() + 1));
    }

    /** A checkpoint that is being written while a run is rolled back is waited for: it may be the one to go back to. */
    private boolean partOfRollback(Regroup regroup, WorkerReport report) {
        if (!regroup.rollsBack() || regroup.hasLosses()) {
            return false;
        }
        if (report instanceof PartWritten part) {
            partEnded(
                    regroup.training().orElseThrow(),
                    part.step(),
                    checkpoints.orElseThrow().add(part));
        } else if (report instanceof PartFailed part) {
            partEnded(
                    regroup.training().orElseThrow(),
                    part.step(),
                    checkpoints.orElseThrow().add(part));
        } else {
            return false;
        }
        return true;
    }

    private void happened(String event, Map<String, ?> details, String line) {
        ledger.happened(event, details);
        announcer.note(line);
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
        lease(training);
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

    private Behavior<Message> finishing(Training training) {
        if (training.finished.size() < members.size()
                || training.checkpoints.schedule().inFlight()) {
            return Behaviors.same();
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
        tellAll(WorkerCommand.Leave.done());
        outcome.complete(null);
        return Behaviors.stopped();
    }

    // ---- what every state shares ----

    /** Nothing is there to be saved. */
    private BehaviorBuilder<Message> beforeTheFirstStep() {
        return state().onMessage(SaveNow.class, now -> Behaviors.same())
                .onMessage(Preempt.class, preempt -> preemptedEarly());
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

    private BehaviorBuilder<Message> state() {
        return Behaviors.receive(Message.class)
                .onMessage(Beat.class, guarded(beat -> {
                    ledger.beat();
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
    private <M extends Message> Function<M, Behavior<Message>> guarded(Function<M, Behavior<Message>> handler) {
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
        if (!(event.event() instanceof MembershipEvent.Lost lost)) {
            return Behaviors.same();
        }
        boolean leaving = training.filter(run -> run.leaving).isPresent();
        return leaving ? fail(lost(lost)) : regroup(lost, training);
    }

    /** One that lost a peer may be the first to say so: who it was comes from the membership, if it comes. */
    private Behavior<Message> failed(Failed failed) {
        if (failed.category() != Category.PEER || losses.allowed() == 0) {
            return fail(cause(failed));
        }
        if (!timers.isTimerActive("suspicion")) {
            timers.startSingleTimer("suspicion", new Suspicion(failed), SUSPICION);
        }
        return Behaviors.same();
    }

    private static TuttiException cause(Failed failed) {
        return new TuttiException(failed.category(), failed.message());
    }

    /** Of a generation that is over. */
    private boolean isLate(WorkerReport report) {
        return report.generation() != generation;
    }

    private static TuttiException tooFew(MembershipEvent.TooFew few) {
        return new TuttiException(
                Category.PEER,
                "%d of %d workers joined within --rdzv_timeout %d s; look at logs/rank-N.log of those that are missing"
                        .formatted(few.present(), few.expected(), few.seconds()));
    }

    private static TuttiException lost(MembershipEvent.Lost lost) {
        return new TuttiException(
                Category.PEER,
                "%s does not answer any more; see logs/rank-%d.log"
                        .formatted(lost.member().describe(), lost.member().rank()));
    }

    private Behavior<Message> unexpected(WorkerReport report, String state) {
        context.getLog().warn("{} while {}; ignored", report, state);
        return Behaviors.same();
    }

    private Behavior<Message> fail(TuttiException cause) {
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
            tellAll(WorkerCommand.Leave.failed(cause.category(), "the run ended: " + cause.getMessage()));
            announcer.failed(cause);
        } finally {
            outcome.completeExceptionally(cause);
        }
        return Behaviors.stopped();
    }

    private void tellAll(WorkerCommand command) {
        members.forEach(member -> member.commands().tell(command));
    }

    private void expectWithin(Duration time, String what) {
        timers.startSingleTimer("silence", new Silence(what), time);
    }

    private static TuttiException asTutti(Throwable cause) {
        Throwable root = cause.getCause() == null ? cause : cause.getCause();
        return root instanceof TuttiException known
                ? known
                : new TuttiException(Category.BUG, "commit failed: " + root, root);
    }
}
