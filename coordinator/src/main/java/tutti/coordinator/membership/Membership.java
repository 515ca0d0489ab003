package tutti.coordinator.membership;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.Terminated;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import java.time.Duration;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import tutti.common.config.LaunchConfig;
import tutti.common.config.WorkerSeat;
import tutti.common.error.Category;
import tutti.common.protocol.Join;
import tutti.common.protocol.Presence;
import tutti.common.protocol.WireMessage;
import tutti.common.protocol.WorkerCommand;
import tutti.coordinator.plan.Formation;
import tutti.coordinator.plan.Member;

/**
 * Forms generations: gathers workers within the rendezvous time, gives ranks, watches for losses, and gathers again. A worker that
 * comes for the seat of another is that one's next process: the old one is dead.
 *
 * <p>As many as the last generation had are enough at once, at first as many as there may be; fewer, where {@link Formation} allows it,
 * when a last call has passed in which nobody more came. Those that a generation has no rank for stand by.
 */
public final class Membership {
    private final ActorContext<WireMessage> context;
    private final TimerScheduler<WireMessage> timers;
    private final ClusterNodes nodes;
    private final String runId;
    private final Formation formation;
    private final ActorRef<MembershipEvent> run;
    private final Map<ActorRef<WorkerCommand>, Join> joined = new LinkedHashMap<>();
    private final Set<ActorRef<WorkerCommand>> gone = new HashSet<>();
    /** Of the generation that was formed last. */
    private List<Member> members = List.of();

    private int generation;
    /** Workers that are not waited beyond. */
    private int enough;

    private boolean gathering;

    private record RendezvousOver() implements WireMessage {}

    private record LastCallOver() implements WireMessage {}

    private record Renew(Set<Integer> without) implements WireMessage {}

    private record Dismiss(Set<Integer> nodes) implements WireMessage {}

    private record Spare(int node) implements WireMessage {}

    private record Expel(ActorRef<WorkerCommand> worker) implements WireMessage {}

    /**
     * Asks for a new generation of those that are here; where one is missing, of those that are gathered anyway.
     *
     * @param without nodes that are to make room: their workers are sent away
     */
    public static WireMessage renew(Set<Integer> without) {
        return new Renew(Set.copyOf(without));
    }

    /**
     * Sends the workers of nodes that are to make room away while others than they are gathered anyway, who need not wait for as many then.
     * Where the next generation is formed by now they are in it.
     */
    public static WireMessage dismiss(Set<Integer> nodes) {
        return new Dismiss(Set.copyOf(nodes));
    }

    /** Asks whether a generation could be formed without that node. Answered by {@link MembershipEvent.Spared}. */
    public static WireMessage spare(int node) {
        return new Spare(node);
    }

    /** One that does not answer, and that nobody can end, counts as lost. Should it live it finds itself cut off, and joins again. */
    public static WireMessage expel(ActorRef<WorkerCommand> worker) {
        return new Expel(worker);
    }

    private Membership(
            ActorContext<WireMessage> context,
            TimerScheduler<WireMessage> timers,
            String runId,
            Formation formation,
            int generation,
            int worldSize,
            ActorRef<MembershipEvent> run) {
        this.context = context;
        this.timers = timers;
        this.nodes = new ClusterNodes(context.getSystem());
        this.runId = runId;
        this.formation = formation;
        this.generation = generation;
        this.enough = worldSize == 0 ? formation.most() : worldSize;
        this.run = run;
    }

    /**
     * @param generation that a coordinator before this one formed last; 0: none
     * @param worldSize of that generation
     */
    public static Behavior<WireMessage> create(
            String runId, Formation formation, int generation, int worldSize, ActorRef<MembershipEvent> run) {
        return Behaviors.setup(context -> Behaviors.withTimers(timers -> {
            Membership membership = new Membership(context, timers, runId, formation, generation, worldSize, run);
            membership.gather();
            return membership.behavior();
        }));
    }

    private Behavior<WireMessage> behavior() {
        return Behaviors.receive(WireMessage.class)
                .onMessage(Join.class, join -> {
                    if (refuses(join)) {
                        return Behaviors.same();
                    }
                    if (!joined.containsKey(join.replyTo())) {
                        replace(join);
                        admit(join);
                    } else {
                        // What it holds now is what counts.
                        joined.put(join.replyTo(), join);
                        if (!gathering && !isMember(join.replyTo())) {
                            join.replyTo().tell(new WorkerCommand.StandBy(generation));
                        }
                    }
                    return Behaviors.same();
                })
                .onMessage(Presence.class, present -> {
                    // One that was lost or sent away learns it elsewhere: its place may be taken.
                    if (!joined.containsKey(present.replyTo()) && !gone.contains(present.replyTo())) {
                        present.replyTo().tell(new WorkerCommand.NotKnown());
                    }
                    return Behaviors.same();
                })
                .onMessage(RendezvousOver.class, over -> {
                    formOr(this::tooFew);
                    return Behaviors.same();
                })
                .onMessage(LastCallOver.class, over -> {
                    formOr(() -> {});
                    return Behaviors.same();
                })
                .onMessage(Renew.class, renew -> {
                    if (gathering) {
                        letGo(renew.without());
                    } else {
                        release(renew.without());
                        formOr(this::gather);
                    }
                    return Behaviors.same();
                })
                .onMessage(Dismiss.class, dismiss -> {
                    if (gathering) {
                        letGo(dismiss.nodes());
                    }
                    return Behaviors.same();
                })
                .onMessage(Spare.class, spare -> {
                    List<Join> others = joined.values().stream()
                            .filter(join -> join.nodeRank() != spare.node())
                            .toList();
                    boolean suffice = launch().elastic()
                            && !formation.choose(others, join -> false).isEmpty();
                    run.tell(new MembershipEvent.Spared(spare.node(), suffice));
                    return Behaviors.same();
                })
                .onMessage(Expel.class, expel -> {
                    nodes.down(expel.worker());
                    lost(expel.worker());
                    return Behaviors.same();
                })
                .onSignal(Terminated.class, signal -> {
                    lost(signal.getRef());
                    return Behaviors.same();
                })
                .build();
    }

    private void gather() {
        gathering = true;
        timers.startSingleTimer(new RendezvousOver(), seconds(launch().rdzvTimeoutSeconds()));
        callForTheLast();
    }

    /** From when on a generation could be formed: more may come, but not for ever. */
    private void callForTheLast() {
        LastCallOver over = new LastCallOver();
        if (!chosen().isEmpty() && !timers.isTimerActive(over)) {
            timers.startSingleTimer(over, seconds(launch().lastCallSeconds()));
        }
    }

    private static Duration seconds(int count) {
        return Duration.ofSeconds(count);
    }

    private LaunchConfig launch() {
        return formation.launch();
    }

    private boolean isMember(ActorRef<WorkerCommand> worker) {
        return members.stream().anyMatch(member -> member.commands().equals(worker));
    }

    private List<Join> chosen() {
        return formation.choose(joined.values(), this::holds);
    }

    /** Whoever held the seat before is dead. */
    private void replace(Join join) {
        joined.values().stream()
                .filter(old -> old.seat() == join.seat())
                .findFirst()
                .ifPresent(old -> {
                    nodes.down(old.replyTo());
                    lost(old.replyTo());
                });
    }

    private void lost(ActorRef<?> worker) {
        Join join = joined.remove(worker);
        if (join == null) {
            return;
        }
        gone.add(join.replyTo());
        members.stream()
                .filter(member -> member.commands().equals(worker))
                .findFirst()
                .ifPresent(member -> {
                    if (!gathering) {
                        gather();
                    }
                    run.tell(new MembershipEvent.Lost(generation, member));
                    formIfEnough();
                });
    }

    private void admit(Join join) {
        // It asks again: until its own end would be noticed it is not here.
        if (!nodes.watches(join.replyTo())) {
            return;
        }
        context.watch(join.replyTo());
        joined.put(join.replyTo(), join);
        // Of a coordinator before this one whose ledger did not get it.
        generation = Math.max(generation, join.generation());
        run.tell(new MembershipEvent.Arrived(joined.size(), launch().worldSize(), join.replyTo()));
        int possible = chosen().size();
        if (!gathering && possible > members.size()) {
            run.tell(new MembershipEvent.CouldGrow(possible));
        }
        formIfEnough();
    }

    /** Those that were lost are back, or others stood by for them. */
    private void formIfEnough() {
        if (gathering && chosen().size() >= enough && !awaitsHolders()) {
            formOr(() -> {});
        } else if (gathering) {
            callForTheLast();
        }
    }

    /** Under a new coordinator those that stood by under the one before may come first, and hold less than others that come after them. */
    private boolean awaitsHolders() {
        return members.isEmpty()
                && generation > 0
                && enough < formation.most()
                && joined.size() < launch().worldSize()
                && joined.values().stream().filter(this::holds).count() < enough;
    }

    /** Was it in the last generation? */
    private boolean holds(Join join) {
        return members.isEmpty() ? generation > 0 && join.generation() == generation : isMember(join.replyTo());
    }

    /** The others wait for as many as can be without them. */
    private void letGo(Set<Integer> leaving) {
        int left = enough - release(leaving);
        enough = formation.train().mostHeldBy(Math.max(1, left));
        formIfEnough();
    }

    /** @return how many of the last generation */
    private int release(Set<Integer> leaving) {
        List<Join> released = joined.values().stream()
                .filter(join -> leaving.contains(join.nodeRank()))
                .toList();
        for (Join join : released) {
            joined.remove(join.replyTo());
            gone.add(join.replyTo());
            join.replyTo()
                    .tell(WorkerCommand.Leave.failed(
                            Category.PREEMPTED,
                            "node %d makes room; the run goes on without it".formatted(join.nodeRank())));
        }
        return (int) released.stream().filter(join -> isMember(join.replyTo())).count();
    }

    private void formOr(Runnable otherwise) {
        List<Join> chosen = chosen();
        if (chosen.isEmpty()) {
            otherwise.run();
            return;
        }
        timers.cancelAll();
        gathering = false;
        generation++;
        List<Member> before = members;
        members = Member.rank(chosen);
        enough = members.size();
        Set<Integer> here = joined.values().stream().map(Join::nodeRank).collect(Collectors.toSet());
        run.tell(new MembershipEvent.Formed(generation, members, here));
        before.stream()
                .map(Member::commands)
                .filter(worker -> joined.containsKey(worker) && !isMember(worker))
                .forEach(worker -> worker.tell(new WorkerCommand.StandBy(generation)));
    }

    private void tooFew() {
        int needed = launch().fewestWorkers();
        // The run may not know them yet, and without a word they would wait for their own deadline.
        WorkerCommand leave = WorkerCommand.Leave.failed(
                Category.PEER,
                "%d of %d workers joined within --rdzv_timeout %d s"
                        .formatted(joined.size(), needed, launch().rdzvTimeoutSeconds()));
        joined.keySet().forEach(worker -> worker.tell(leave));
        run.tell(new MembershipEvent.TooFew(joined.size(), needed, launch().rdzvTimeoutSeconds()));
    }

    private boolean refuses(Join join) {
        String reason = reasonAgainst(join);
        String taken = takenByAnother(join);
        // Where nodes come and go it may be the next host of one that is not known to be lost yet: it asks again.
        String told = reason.isEmpty() && !launch().elastic() ? taken : reason;
        if (!told.isEmpty()) {
            join.replyTo().tell(WorkerCommand.Leave.failed(Category.USER, told));
        }
        return !reason.isEmpty() || !taken.isEmpty();
    }

    private String reasonAgainst(Join join) {
        if (!join.runId().equals(runId) && !join.runId().equals(WorkerSeat.RUN_NOT_KNOWN)) {
            return "run %s is not the one at this address".formatted(join.runId());
        }
        if (join.seat() >= launch().worldSize()) {
            return "seat %d: the group has %d workers".formatted(join.seat(), launch().worldSize());
        }
        if (gone.contains(join.replyTo())) {
            return "this process was replaced, or sent away, as rank %d".formatted(join.seat());
        }
        return "";
    }

    private String takenByAnother(Join join) {
        return joined.values().stream()
                .filter(other -> other.seat() == join.seat() && other.nodeRank() == join.nodeRank())
                .filter(other -> !other.host().equals(join.host()))
                .findFirst()
                .map(other -> "rank %d is taken by %s; do two nodes have the same --node_rank?"
                        .formatted(join.seat(), other.host()))
                .orElse("");
    }
}
