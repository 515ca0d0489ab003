package tutti.coordinator.membership;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.ManualTime;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import tutti.common.error.Category;
import tutti.common.protocol.Join;
import tutti.common.protocol.WireMessage;
import tutti.common.protocol.WorkerCommand;
import tutti.coordinator.plan.Member;

class MembershipTest {
    private final ActorTestKit kit = ActorTestKit.create(ManualTime.config());
    private final ManualTime time = ManualTime.get(kit.system());
    private final TestProbe<MembershipEvent> run = kit.createTestProbe();

    @AfterEach
    void stop() {
        kit.shutdownTestKit();
    }

    @Test
    void shouldGiveRanksInTheOrderOfSeatsWhateverTheOrderOfArrival() {
        ActorRef<WireMessage> membership = kit.spawn(Membership.create("r", 0, 2, 60, run.getRef()));
        membership.tell(join("r", 1, worker()));
        membership.tell(join("r", 0, worker()));
        run.expectMessage(new MembershipEvent.Arrived(1, 2));
        run.expectMessage(new MembershipEvent.Arrived(2, 2));
        MembershipEvent.Formed formed = run.expectMessageClass(MembershipEvent.Formed.class);
        assertThat(formed.members()).extracting(Member::rank).containsExactly(0, 1);
        assertThat(formed.members()).extracting(member -> member.join().seat()).containsExactly(0, 1);
    }

    @Test
    void shouldCountAWorkerThatJoinsAgainOnce() {
        ActorRef<WireMessage> membership = kit.spawn(Membership.create("r", 0, 2, 60, run.getRef()));
        TestProbe<WorkerCommand> worker = worker();
        membership.tell(join("r", 0, worker));
        membership.tell(join("r", 0, worker));
        run.expectMessage(new MembershipEvent.Arrived(1, 2));
        run.expectNoMessage();
    }

    @Test
    void shouldSayHowManyCameWhenTheRendezvousTimeIsOverAndSendThemAway() {
        ActorRef<WireMessage> membership = kit.spawn(Membership.create("r", 0, 3, 60, run.getRef()));
        TestProbe<WorkerCommand> worker = worker();
        membership.tell(join("r", 0, worker));
        run.expectMessage(new MembershipEvent.Arrived(1, 3));
        time.timePasses(Duration.ofSeconds(61));
        run.expectMessage(new MembershipEvent.TooFew(1, 3, 60));
        WorkerCommand.Leave leave = worker.expectMessageClass(WorkerCommand.Leave.class);
        assertThat(leave.failure()).contains(Category.PEER);
        assertThat(leave.reason()).contains("1 of 3 workers", "--rdzv_timeout 60 s");
    }

    @Test
    void shouldSendAwayAWorkerOfAnotherRunAndOneTooMany() {
        ActorRef<WireMessage> membership = kit.spawn(Membership.create("r", 0, 1, 60, run.getRef()));
        TestProbe<WorkerCommand> stranger = worker();
        membership.tell(join("other", 0, stranger));
        stranger.expectMessageClass(WorkerCommand.Leave.class);
        membership.tell(join("r", 0, worker()));
        TestProbe<WorkerCommand> late = worker();
        membership.tell(join("r", 1, late));
        late.expectMessageClass(WorkerCommand.Leave.class);
    }

    @Test
    void shouldNameAWorkerThatIsLostAfterTheGroupIsFormed() {
        ActorRef<WireMessage> membership = kit.spawn(Membership.create("r", 0, 1, 60, run.getRef()));
        TestProbe<WorkerCommand> worker = worker();
        membership.tell(join("r", 0, worker));
        run.expectMessage(new MembershipEvent.Arrived(1, 1));
        run.expectMessageClass(MembershipEvent.Formed.class);
        worker.stop();
        assertThat(run.expectMessageClass(MembershipEvent.Lost.class).member().describe())
                .contains("rank 0", "pid 4711", "node-a");
    }

    @Test
    void shouldFormTheNextGenerationWithTheNextProcessOfALostWorker() {
        ActorRef<WireMessage> membership = kit.spawn(Membership.create("r", 0, 2, 60, run.getRef()));
        TestProbe<WorkerCommand> stays = worker();
        TestProbe<WorkerCommand> dies = worker();
        membership.tell(join("r", 0, stays));
        membership.tell(join("r", 1, dies));
        run.expectMessage(new MembershipEvent.Arrived(1, 2));
        run.expectMessage(new MembershipEvent.Arrived(2, 2));
        assertThat(run.expectMessageClass(MembershipEvent.Formed.class).generation())
                .isEqualTo(1);

        // Its next process is here before anybody has noticed its end.
        TestProbe<WorkerCommand> next = worker();
        membership.tell(join("r", 1, next));
        assertThat(run.expectMessageClass(MembershipEvent.Lost.class).member().commands())
                .isEqualTo(dies.getRef());
        run.expectMessage(new MembershipEvent.Arrived(2, 2));
        MembershipEvent.Formed formed = run.expectMessageClass(MembershipEvent.Formed.class);
        assertThat(formed.generation()).isEqualTo(2);
        assertThat(formed.members()).extracting(Member::commands).containsExactly(stays.getRef(), next.getRef());

        // What is noticed late is no second loss; and should it live after all, it is sent away.
        dies.stop();
        run.expectNoMessage();
        membership.tell(join("r", 1, dies));
        stays.expectNoMessage();
        next.expectNoMessage();
    }

    @Test
    void shouldNameEveryWorkerOfANodeThatIsLost() {
        ActorRef<WireMessage> membership = kit.spawn(Membership.create("r", 0, 3, 60, run.getRef()));
        List<TestProbe<WorkerCommand>> workers = List.of(worker(), worker(), worker());
        for (int seat = 0; seat < 3; seat++) {
            membership.tell(join("r", seat, workers.get(seat)));
            run.expectMessageClass(MembershipEvent.Arrived.class);
        }
        run.expectMessageClass(MembershipEvent.Formed.class);
        membership.tell(join("r", 1, worker()));
        assertThat(run.expectMessageClass(MembershipEvent.Lost.class).member().rank())
                .isEqualTo(1);
        run.expectMessageClass(MembershipEvent.Arrived.class);
        MembershipEvent.Formed second = run.expectMessageClass(MembershipEvent.Formed.class);
        assertThat(second.generation()).isEqualTo(2);
        workers.get(0).stop();
        assertThat(run.expectMessageClass(MembershipEvent.Lost.class).member().rank())
                .isZero();
        workers.get(2).stop();
        assertThat(run.expectMessageClass(MembershipEvent.Lost.class).member().rank())
                .isEqualTo(2);
    }

    @Test
    void shouldSayHowManyAreLeftWhenNobodyTakesALostWorkersPlace() {
        ActorRef<WireMessage> membership = kit.spawn(Membership.create("r", 0, 2, 60, run.getRef()));
        TestProbe<WorkerCommand> stays = worker();
        TestProbe<WorkerCommand> dies = worker();
        membership.tell(join("r", 0, stays));
        membership.tell(join("r", 1, dies));
        run.expectMessageClass(MembershipEvent.Arrived.class);
        run.expectMessageClass(MembershipEvent.Arrived.class);
        run.expectMessageClass(MembershipEvent.Formed.class);
        time.timePasses(Duration.ofSeconds(61));
        run.expectNoMessage();
        dies.stop();
        run.expectMessageClass(MembershipEvent.Lost.class);
        time.timePasses(Duration.ofSeconds(61));
        run.expectMessage(new MembershipEvent.TooFew(1, 2, 60));
        assertThat(stays.expectMessageClass(WorkerCommand.Leave.class).reason()).contains("1 of 2 workers");
    }

    @Test
    void shouldSendAwayASecondNodeWithTheSameRank() {
        ActorRef<WireMessage> membership = kit.spawn(Membership.create("r", 0, 2, 60, run.getRef()));
        membership.tell(join("r", 0, worker()));
        TestProbe<WorkerCommand> other = worker();
        membership.tell(new Join("r", 0, 0, "node-b", 4712, "cpu", "", 0, -1, other.getRef()));
        assertThat(other.expectMessageClass(WorkerCommand.Leave.class).reason())
                .contains("rank 0 is taken by node-a", "--node_rank");
    }

    private TestProbe<WorkerCommand> worker() {
        return kit.createTestProbe();
    }

    private static Join join(String run, int seat, TestProbe<WorkerCommand> worker) {
        return new Join(run, seat, 0, "node-a", 4711, "cpu", "", 0, -1, worker.getRef());
    }
}
