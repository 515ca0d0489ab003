package tutti.coordinator.membership;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.Terminated;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tutti.common.config.WorkerSeat;
import tutti.common.error.Category;
import tutti.common.protocol.Join;
import tutti.common.protocol.WireMessage;
import tutti.common.protocol.WorkerCommand;
import tutti.coordinator.plan.Member;

/** Forms the first generation: gathers W workers within the rendezvous time, gives ranks, then watches for losses. */
public final class Membership {
    private final ActorContext<WireMessage> context;
    private final String runId;
    private final int worldSize;
    private final int timeoutSeconds;
    private final ActorRef<MembershipEvent> run;
    private final Map<ActorRef<WorkerCommand>, Join> joined = new LinkedHashMap<>();

    private record RendezvousOver() implements WireMessage {}

    private Membership(
            ActorContext<WireMessage> context,
            String runId,
            int worldSize,
            int timeoutSeconds,
            ActorRef<MembershipEvent> run) {
        this.context = context;
        this.runId = runId;
        this.worldSize = worldSize;
        this.timeoutSeconds = timeoutSeconds;
        this.run = run;
    }

    public static Behavior<WireMessage> create(
            String runId, int worldSize, int timeoutSeconds, ActorRef<MembershipEvent> run) {
        return Behaviors.setup(context -> Behaviors.withTimers(timers -> {
            timers.startSingleTimer(new RendezvousOver(), Duration.ofSeconds(timeoutSeconds));
            return new Membership(context, runId, worldSize, timeoutSeconds, run).gathering(timers);
        }));
    }

    private Behavior<WireMessage> gathering(TimerScheduler<WireMessage> timers) {
        return Behaviors.receive(WireMessage.class)
                .onMessage(Join.class, join -> {
                    if (refuses(join) || joined.put(join.replyTo(), join) != null) {
                        return Behaviors.same();
                    }
                    context.watch(join.replyTo());
                    run.tell(new MembershipEvent.Arrived(joined.size(), worldSize));
                    if (joined.size() < worldSize) {
                        return Behaviors.same();
                    }
                    timers.cancelAll();
                    List<Member> members = Member.rank(List.copyOf(joined.values()));
                    run.tell(new MembershipEvent.Formed(1, members));
                    return formed(members);
                })
                .onMessage(RendezvousOver.class, over -> {
                    // The run does not know them yet, and without a word they would wait for their own deadline.
                    WorkerCommand leave = WorkerCommand.Leave.failed(
                            Category.PEER,
                            "%d of %d workers joined within --rdzv_timeout %d s"
                                    .formatted(joined.size(), worldSize, timeoutSeconds));
                    joined.keySet().forEach(worker -> worker.tell(leave));
                    run.tell(new MembershipEvent.TooFew(joined.size(), worldSize, timeoutSeconds));
                    return Behaviors.same();
                })
                .onSignal(Terminated.class, gone -> {
                    // It may come back as another process before the time is over.
                    joined.keySet().removeIf(ref -> ref.equals(gone.getRef()));
                    return Behaviors.same();
                })
                .build();
    }

    private Behavior<WireMessage> formed(List<Member> members) {
        return Behaviors.receive(WireMessage.class)
                .onMessage(Join.class, join -> {
                    if (!refuses(join) && !joined.containsKey(join.replyTo())) {
                        join.replyTo()
                                .tell(WorkerCommand.Leave.failed(
                                        Category.USER, "the group of %d workers is complete".formatted(worldSize)));
                    }
                    return Behaviors.same();
                })
                .onMessage(RendezvousOver.class, over -> Behaviors.same())
                .onSignal(Terminated.class, gone -> {
                    members.stream()
                            .filter(member -> member.commands().equals(gone.getRef()))
                            .forEach(member -> run.tell(new MembershipEvent.Lost(member)));
                    return Behaviors.same();
                })
                .build();
    }

    private boolean refuses(Join join) {
        if (join.runId().equals(runId) || join.runId().equals(WorkerSeat.RUN_NOT_KNOWN)) {
            return false;
        }
        join.replyTo()
                .tell(WorkerCommand.Leave.failed(
                        Category.USER, "run %s is not the one at this address".formatted(join.runId())));
        return true;
    }
}
