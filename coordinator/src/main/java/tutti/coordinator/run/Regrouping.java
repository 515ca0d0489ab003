package tutti.coordinator.run;

import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.Behaviors;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import tutti.common.error.Category;
import tutti.common.protocol.WorkerCommand;
import tutti.common.protocol.WorkerReport;
import tutti.common.protocol.WorkerReport.Evaluated;
import tutti.common.protocol.WorkerReport.Failed;
import tutti.common.protocol.WorkerReport.Nonfinite;
import tutti.common.protocol.WorkerReport.PartFailed;
import tutti.common.protocol.WorkerReport.PartWritten;
import tutti.common.protocol.WorkerReport.Preempted;
import tutti.common.protocol.WorkerReport.StepDone;
import tutti.coordinator.ledger.RunLedger;
import tutti.coordinator.membership.Membership;
import tutti.coordinator.membership.MembershipEvent;
import tutti.coordinator.plan.Member;

/**
 * The run between two generations: a worker was lost or hangs, or all are to go back; the others hold what they have, the next process of
 * those that are missing comes, and the next generation goes on with what there is. A state of {@link RunActor}, whose fields it uses.
 */
final class Regrouping {
    /** For a worker to finish the step, or the loading, that it is in. */
    private static final Duration HOLD_DEADLINE = Duration.ofMinutes(30);
    /** Whoever has not answered then is stopped: others have waited for it much longer before they said so. */
    private static final Duration ANSWER = Duration.ofSeconds(10);

    private static final Duration ANSWER_AGAIN = Duration.ofSeconds(2);

    private final RunActor run;

    Regrouping(RunActor run) {
        this.run = run;
    }

    /** @param training empty where it was lost before training began */
    Behavior<RunActor.Message> lost(MembershipEvent.Lost lost, Optional<Training> training) {
        Regroup regroup = regroup(training);
        if (!survives(lost, regroup)) {
            return run.fail(run.losses.tooMany());
        }
        return hold(regroup);
    }

    /** All go back to the last commit, and leave out the samples since then. */
    Behavior<RunActor.Message> rollBack(Nonfinite found, Training training) {
        run.leftOut = found.step() + 1;
        run.rolledBackIn = found.generation();
        run.rollingBack = true;
        training.checkpoints.rolledBack(found.step());
        return hold(regroup(Optional.of(training)));
    }

    /** Others are here to take part: all go on together, with what these hold or have just committed. */
    Behavior<RunActor.Message> resize(Training training) {
        return hold(regroup(Optional.of(training)).resize());
    }

    private Behavior<RunActor.Message> hold(Regroup regroup) {
        run.timers.cancel("suspicion");
        regroup.survivors().forEach(worker -> worker.tell(new WorkerCommand.Hold(run.generation)));
        run.expectWithin(HOLD_DEADLINE, "holding their state for the next generation");
        return regrouping(regroup);
    }

    /** Somebody waits in vain for another, and nobody was lost: who hangs is who does not answer. */
    Behavior<RunActor.Message> suspect(Failed failed, Optional<Training> training) {
        if (training.filter(ending -> ending.leaving).isPresent()) {
            return run.fail(RunActor.cause(failed));
        }
        run.timers.startSingleTimer("hung", new RunActor.Hung(failed, false), ANSWER);
        return hold(regroup(training));
    }

    /** One that was to go back goes back still, whatever comes between. */
    private Regroup regroup(Optional<Training> training) {
        Regroup regroup = new Regroup(run.rolledBackIn, run.members, training);
        return run.rollingBack ? regroup.rollBack() : regroup;
    }

    private Behavior<RunActor.Message> stopThoseThatHang(Failed failed, Regroup regroup) {
        Map<Member, Member> killers = new LinkedHashMap<>();
        boolean found = false;
        // Others wait for it longer than that; one that only is slow has got on meanwhile.
        long still = Duration.ofSeconds(run.config.allReduce().timeoutSeconds()).toMillis() / 2;
        for (Member member : run.members) {
            Optional<WorkerReport.Holding> stuck = regroup.stuck(member, still);
            if (stuck.isEmpty() && !regroup.isSilent(member)) {
                continue;
            }
            run.ledger.happened(
                    "worker_hung",
                    Map.of(
                            "generation",
                            run.generation,
                            "member",
                            member.describe(),
                            "doing",
                            stuck.map(WorkerReport.Holding::doing).orElse("not known: it does not answer"),
                            "message",
                            failed.message()));
            stuck.ifPresent(holding ->
                    run.announcer.note("warning: %s hangs (%s); the stacks of its threads are in logs/rank-%d.log"
                            .formatted(member.describe(), holding.doing(), member.rank())));
            Optional<Member> killer = stuck.isPresent() ? Optional.of(member) : neighbour(member, regroup);
            killer.ifPresentOrElse(
                    one -> killers.put(member, one), () -> run.membership.tell(Membership.expel(member.commands())));
            found = true;
        }
        // Those that end themselves come last: they may have to end a neighbour before.
        killers.entrySet().stream()
                .sorted(Comparator.comparing(entry -> entry.getKey().equals(entry.getValue())))
                .forEach(entry -> entry.getValue()
                        .commands()
                        .tell(new WorkerCommand.StopHung(
                                run.generation, entry.getKey().join().pid())));
        // Whoever was lost meanwhile is waited for by the membership.
        return found || regroup.hasLosses() ? Behaviors.same() : tryAgain(failed, regroup);
    }

    /** All are here, and could not reach each other: a network, or the agent that has a node's media driver, stood still. It may be over. */
    private Behavior<RunActor.Message> tryAgain(Failed failed, Regroup regroup) {
        run.losses.addBroken(run.generation, RunActor.cause(failed));
        run.ledger.happened(
                RunLedger.GROUP_BROKE,
                Map.of(
                        "generation",
                        run.generation,
                        "rank",
                        failed.rank(),
                        "message",
                        failed.message(),
                        "losses",
                        run.losses.count()));
        if (!run.losses.bearable()) {
            return run.fail(run.losses.tooMany());
        }
        run.announcer.broke(failed.message(), run.losses);
        run.checkpoints.ifPresent(saving -> saving.lost("the connection of the group"));
        regroup.broke();
        return regrouped(regroup);
    }

    private Optional<Member> neighbour(Member member, Regroup regroup) {
        return run.members.stream()
                .filter(other -> other.join().nodeRank() == member.join().nodeRank())
                .filter(other -> regroup.survivors().contains(other.commands()) && !regroup.isSilent(other))
                .findFirst();
    }

    private boolean survives(MembershipEvent.Lost lost, Regroup regroup) {
        regroup.lost(lost.member());
        run.resizing.away(lost.member().join().nodeRank());
        run.checkpoints.ifPresent(saving -> saving.lost(lost.member().describe()));
        run.losses.add(lost.generation(), lost.member(), RunActor.lost(lost));
        run.ledger.happened(
                "worker_lost",
                Map.of(
                        "generation",
                        lost.generation(),
                        "node",
                        lost.member().join().nodeRank(),
                        "member",
                        lost.member().describe(),
                        "losses",
                        run.losses.count()));
        // Nodes that it goes on without count for nothing: that is known when the next generation is formed.
        boolean survives = run.losses.bearable() || run.config.launch().elastic();
        if (survives) {
            run.announcer.lost(lost.member(), run.losses);
        }
        return survives;
    }

    private Behavior<RunActor.Message> regrouping(Regroup regroup) {
        return run.state()
                .onMessage(RunActor.Worker.class, run.guarded(worker -> {
                    WorkerReport report = worker.report();
                    if (run.isLate(report)) {
                        return Behaviors.same();
                    }
                    if (report instanceof StepDone done && regroup.training().isPresent()) {
                        Training training = regroup.training().get();
                        run.guards.watch(done);
                        run.announcer.worker(done);
                        training.gather.add(done).ifPresent(metrics -> run.announce(training, metrics));
                    } else if (report instanceof Evaluated found) {
                        run.evaluations.add(found);
                    } else if (partOfRollback(regroup, report)) {
                        return regrouped(regroup);
                    } else if (report instanceof WorkerReport.Loading) {
                        run.expectWithin(HOLD_DEADLINE, "holding their state for the next generation");
                    } else if (report instanceof WorkerReport.Holding holding) {
                        regroup.answered(run.members.get(holding.rank()), holding);
                    } else if (report instanceof WorkerReport.Held held) {
                        regroup.held(run.members.get(held.rank()), held.completed());
                    } else if (report instanceof Preempted leaving) {
                        askedToLeave(regroup, leaving);
                    } else if (report instanceof Failed failed && failed.category() != Category.PEER) {
                        return run.failed(failed);
                    }
                    return regrouped(regroup);
                }))
                .onMessage(RunActor.Settled.class, run.guarded(settled -> {
                    run.ended(run.checkpoints.orElseThrow(), settled.checkpoint());
                    return regrouped(regroup);
                }))
                .onMessage(RunActor.Members.class, run.guarded(change -> {
                    MembershipEvent event = change.event();
                    run.noteArrival(event);
                    if (event instanceof MembershipEvent.Lost lost && !survives(lost, regroup)) {
                        return run.fail(run.losses.tooMany());
                    } else if (event instanceof MembershipEvent.TooFew few) {
                        return run.fail(RunActor.tooFew(few));
                    } else if (event instanceof MembershipEvent.Formed formed) {
                        run.resizing.formed(RunActor.nodes(formed.members()));
                        regroup.formed(formed);
                    } else if (event instanceof MembershipEvent.CouldGrow) {
                        run.resizing.couldGrow();
                    } else if (event instanceof MembershipEvent.Spared spared) {
                        spared(regroup, spared);
                    }
                    return regrouped(regroup);
                }))
                .onMessage(RunActor.Hung.class, run.guarded(hung -> {
                    if (hung.askedAgain()) {
                        return stopThoseThatHang(hung.failed(), regroup);
                    }
                    // Who has got on since it first answered is slow, and says so now.
                    regroup.survivors().forEach(worker -> worker.tell(new WorkerCommand.Hold(run.generation)));
                    run.timers.startSingleTimer("hung", new RunActor.Hung(hung.failed(), true), ANSWER_AGAIN);
                    return Behaviors.same();
                }))
                .onMessage(RunActor.SaveNow.class, now -> run.saveSoon())
                .onMessage(RunActor.Preempt.class, preempt -> {
                    run.preempted = true;
                    return Behaviors.same();
                })
                .build();
    }

    private Set<Integer> letGo(Regroup regroup) {
        Set<Integer> now = regroup.letGo(run.resizing.departing());
        now.forEach(run.resizing::away);
        return now;
    }

    private void askedToLeave(Regroup regroup, Preempted leaving) {
        if (!regroup.hasLetGo(run.node(leaving))) {
            run.preempted |= !run.asksToSpare(leaving);
        }
    }

    private void spared(Regroup regroup, MembershipEvent.Spared spared) {
        if (regroup.hasLetGo(spared.node())) {
            return;
        }
        if (spared.enough()) {
            run.resizing.departs(spared.node());
        } else {
            run.preempted = true;
        }
    }

    /** Goes on when all are here, and those that were here before have said what they hold. */
    private Behavior<RunActor.Message> regrouped(Regroup regroup) {
        if (regroup.allHeld()) {
            // The membership has a shorter deadline for those that are missing.
            run.expectWithin(RunActor.LOADING_DEADLINE, "waiting for the workers of the next generation");
        }
        boolean inFlight =
                run.checkpoints.filter(saving -> saving.schedule().inFlight()).isPresent();
        if (regroup.allHeld() && !inFlight && regroup.renew()) {
            run.membership.tell(Membership.renew(letGo(regroup)));
        } else if (!inFlight && regroup.canDoWithout(run.resizing.departing())) {
            run.membership.tell(Membership.dismiss(letGo(regroup)));
        }
        Optional<MembershipEvent.Formed> formed = regroup.formed();
        boolean settling = run.checkpoints.filter(Checkpointing::settling).isPresent();
        if (formed.isEmpty() || settling || !regroup.allHeld()) {
            return Behaviors.same();
        }
        String lastCommit = run.checkpoints
                .flatMap(Checkpointing::newest)
                .map(Path::toString)
                .orElse(run.resumeFrom);
        run.timers.cancel("hung");
        Start start = regroup.start(formed.get().members(), lastCommit, run.shards(formed.get()), run.leftOut);
        regroup.training()
                .ifPresent(training ->
                        training.gather.close(start.step()).forEach(metrics -> run.announce(training, metrics)));
        return run.formed(formed.get(), start);
    }

    /** A checkpoint that is being written while a run is rolled back is waited for: it may be the one to go back to. */
    private boolean partOfRollback(Regroup regroup, WorkerReport report) {
        if (!regroup.rollsBack() || regroup.hasLosses()) {
            return false;
        }
        if (report instanceof PartWritten part) {
            run.partEnded(
                    regroup.training().orElseThrow(),
                    part.step(),
                    run.checkpoints.orElseThrow().add(part));
        } else if (report instanceof PartFailed part) {
            run.partEnded(
                    regroup.training().orElseThrow(),
                    part.step(),
                    run.checkpoints.orElseThrow().add(part));
        } else {
            return false;
        }
        return true;
    }
}
