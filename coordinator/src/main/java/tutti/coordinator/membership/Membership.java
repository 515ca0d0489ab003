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
import tutti.common.config.WorkerSeat;
import tutti.common.error.Category;
import tutti.common.protocol.Join;
import tutti.common.protocol.WireMessage;
import tutti.common.protocol.WorkerCommand;
import tutti.coordinator.plan.Member;

/**
 * Forms generations: gathers W workers within the rendezvous time, gives ranks, watches for losses, and gathers again. A worker that
 * comes for the seat of another is that one's next process: the old one is dead.
 */
public final class Membership {
    private final ActorContext<WireMessage> context;
    private final TimerScheduler<WireMessage> timers;
    private final ClusterNodes nodes;
    private final String runId;
    private final int worldSize;
    private final int timeoutSeconds;
    private final ActorRef<MembershipEvent> run;
    private final Map<ActorRef<WorkerCommand>, Join> joined = new LinkedHashMap<>();
    private final Set<ActorRef<WorkerCommand>> gone = new HashSet<>();
    /** Of the generation that was formed last. */
    private List<Member> members = List.of();

    private int generation;
    private boolean gathering;

    private record RendezvousOver() implements WireMessage {}

    private record Renew() implements WireMessage {}

    /** Asks for a new generation of the same workers; where one is missing, of those that are gathered anyway. */
    public static WireMessage renew() {
        return new Renew();
    }

    private Membership(
            ActorContext<WireMessage> context,
            TimerScheduler<WireMessage> timers,
            String runId,
            int generation,
            int worldSize,
            int timeoutSeconds,
            ActorRef<MembershipEvent> run) {
        this.context = context;
        this.timers = timers;
        this.nodes = new ClusterNodes(context.getSystem());
        this.runId = runId;
        this.generation = generation;
        this.worldSize = worldSize;
        this.timeoutSeconds = timeoutSeconds;
        this.run = run;
    }

    /** @param generation that a coordinator before this one formed last; 0: none */
    public static Behavior<WireMessage> create(
            String runId, int generation, int worldSize, int timeoutSeconds, ActorRef<MembershipEvent> run) {
        return Behaviors.setup(context -> Behaviors.withTimers(timers -> {
            Membership membership = new Membership(context, timers, runId, generation, worldSize, timeoutSeconds, run);
            membership.gather();
            return membership.behavior();
        }));
    }

    private Behavior<WireMessage> behavior() {
        return Behaviors.receive(WireMessage.class)
                .onMessage(Join.class, join -> {
                    if (!refuses(join) && !joined.containsKey(join.replyTo())) {
                        replace(join);
                        admit(join);
                    }
                    return Behaviors.same();
                })
                .onMessage(RendezvousOver.class, over -> {
                    tooFew();
                    return Behaviors.same();
                })
                .onMessage(Renew.class, renew -> {
                    if (!gathering) {
                        form();
                    }
                    return Behaviors.same();
                })
                .onSignal(Terminated.class, signal -> {
                    joined.values().stream()
                            .filter(join -> join.replyTo().equals(signal.getRef()))
                            .findFirst()
                            .ifPresent(this::lost);
                    return Behaviors.same();
                })
                .build();
    }

    private void gather() {
        gathering = true;
        timers.startSingleTimer(new RendezvousOver(), Duration.ofSeconds(timeoutSeconds));
    }

    /** Whoever held the seat before is dead. */
    private void replace(Join join) {
        joined.values().stream()
                .filter(old -> old.seat() == join.seat())
                .findFirst()
                .ifPresent(old -> {
                    nodes.down(old.replyTo());
                    lost(old);
                });
    }

    private void lost(Join join) {
        gone.add(join.replyTo());
        joined.remove(join.replyTo());
        members.stream()
                .filter(member -> member.commands().equals(join.replyTo()))
                .findFirst()
                .ifPresent(member -> {
                    if (!gathering) {
                        gather();
                    }
                    run.tell(new MembershipEvent.Lost(member));
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
        run.tell(new MembershipEvent.Arrived(joined.size(), worldSize));
        if (joined.size() == worldSize) {
            form();
        }
    }

    private void form() {
        timers.cancelAll();
        gathering = false;
        generation++;
        members = Member.rank(List.copyOf(joined.values()));
        run.tell(new MembershipEvent.Formed(generation, members));
    }

    private void tooFew() {
        // The run may not know them yet, and without a word they would wait for their own deadline.
        WorkerCommand leave = WorkerCommand.Leave.failed(
                Category.PEER,
                "%d of %d workers joined within --rdzv_timeout %d s"
                        .formatted(joined.size(), worldSize, timeoutSeconds));
        joined.keySet().forEach(worker -> worker.tell(leave));
        run.tell(new MembershipEvent.TooFew(joined.size(), worldSize, timeoutSeconds));
    }

    private boolean refuses(Join join) {
        String reason = reasonAgainst(join);
        if (!reason.isEmpty()) {
            join.replyTo().tell(WorkerCommand.Leave.failed(Category.USER, reason));
        }
        return !reason.isEmpty();
    }

    private String reasonAgainst(Join join) {
        if (!join.runId().equals(runId) && !join.runId().equals(WorkerSeat.RUN_NOT_KNOWN)) {
            return "run %s is not the one at this address".formatted(join.runId());
        }
        if (join.seat() >= worldSize) {
            return "seat %d: the group has %d workers".formatted(join.seat(), worldSize);
        }
        if (gone.contains(join.replyTo())) {
            return "another process has taken the seat of rank %d".formatted(join.seat());
        }
        return joined.values().stream()
                .filter(other -> other.seat() == join.seat() && other.nodeRank() == join.nodeRank())
                .filter(other -> !other.host().equals(join.host()))
                .findFirst()
                .map(other -> "rank %d is taken by %s; do two nodes have the same --node_rank?"
                        .formatted(join.seat(), other.host()))
                .orElse("");
    }
}
