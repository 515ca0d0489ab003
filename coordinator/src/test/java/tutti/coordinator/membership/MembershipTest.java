package tutti.coordinator.membership;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.ManualTime;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import tutti.common.config.RunConfig;
import tutti.common.config.Settings;
import tutti.common.error.Category;
import tutti.common.protocol.Join;
import tutti.common.protocol.Presence;
import tutti.common.protocol.WireMessage;
import tutti.common.protocol.WorkerCommand;
import tutti.coordinator.plan.Formation;
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
        ActorRef<WireMessage> membership = kit.spawn(membership(2));
        membership.tell(join("r", 1, worker()));
        membership.tell(join("r", 0, worker()));
        expectArrival(1, 2);
        expectArrival(2, 2);
        MembershipEvent.Formed formed = run.expectMessageClass(MembershipEvent.Formed.class);
        assertThat(formed.members()).extracting(Member::rank).containsExactly(0, 1);
        assertThat(formed.members()).extracting(member -> member.join().seat()).containsExactly(0, 1);
    }

    @Test
    void shouldCountAWorkerThatJoinsAgainOnce() {
        ActorRef<WireMessage> membership = kit.spawn(membership(2));
        TestProbe<WorkerCommand> worker = worker();
        membership.tell(join("r", 0, worker));
        membership.tell(join("r", 0, worker));
        expectArrival(1, 2);
        run.expectNoMessage();
    }

    @Test
    void shouldSayHowManyCameWhenTheRendezvousTimeIsOverAndSendThemAway() {
        ActorRef<WireMessage> membership = kit.spawn(membership(3));
        TestProbe<WorkerCommand> worker = worker();
        membership.tell(join("r", 0, worker));
        expectArrival(1, 3);
        time.timePasses(Duration.ofSeconds(61));
        run.expectMessage(new MembershipEvent.TooFew(1, 3, 60));
        WorkerCommand.Leave leave = worker.expectMessageClass(WorkerCommand.Leave.class);
        assertThat(leave.failure()).contains(Category.PEER);
        assertThat(leave.reason()).contains("1 of 3 workers", "--rdzv_timeout 60 s");
    }

    @Test
    void shouldSendAwayAWorkerOfAnotherRunAndOneTooMany() {
        ActorRef<WireMessage> membership = kit.spawn(membership(1));
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
        ActorRef<WireMessage> membership = kit.spawn(membership(1));
        TestProbe<WorkerCommand> worker = worker();
        membership.tell(join("r", 0, worker));
        expectArrival(1, 1);
        run.expectMessageClass(MembershipEvent.Formed.class);
        worker.stop();
        assertThat(run.expectMessageClass(MembershipEvent.Lost.class).member().describe())
                .contains("rank 0", "pid 4711", "node-a");
    }

    @Test
    void shouldFormTheNextGenerationWithTheNextProcessOfALostWorker() {
        ActorRef<WireMessage> membership = kit.spawn(membership(2));
        TestProbe<WorkerCommand> stays = worker();
        TestProbe<WorkerCommand> dies = worker();
        membership.tell(join("r", 0, stays));
        membership.tell(join("r", 1, dies));
        expectArrival(1, 2);
        expectArrival(2, 2);
        assertThat(run.expectMessageClass(MembershipEvent.Formed.class).generation())
                .isEqualTo(1);

        // Its next process is here before anybody has noticed its end.
        TestProbe<WorkerCommand> next = worker();
        membership.tell(join("r", 1, next));
        assertThat(run.expectMessageClass(MembershipEvent.Lost.class).member().commands())
                .isEqualTo(dies.getRef());
        expectArrival(2, 2);
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
        ActorRef<WireMessage> membership = kit.spawn(membership(3));
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
        ActorRef<WireMessage> membership = kit.spawn(membership(2));
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
        ActorRef<WireMessage> membership = kit.spawn(membership(2));
        membership.tell(join("r", 0, worker()));
        TestProbe<WorkerCommand> other = worker();
        membership.tell(new Join("r", 0, 0, "node-b", 4712, "cpu", "", 0, -1, other.getRef()));
        assertThat(other.expectMessageClass(WorkerCommand.Leave.class).reason())
                .contains("rank 0 is taken by node-a", "--node_rank");
    }

    @Test
    void shouldGoOnWithTheNodesThatAreHereWhenTheLastCallIsOver() {
        ActorRef<WireMessage> membership = kit.spawn(membership("1:2", "2", 0));
        membership.tell(join(0, 0, worker()));
        time.timePasses(Duration.ofSeconds(21));
        expectArrival(1, 4);
        run.expectNoMessage();
        membership.tell(join(1, 0, worker()));
        expectArrival(2, 4);
        time.timePasses(Duration.ofSeconds(19));
        run.expectNoMessage();
        time.timePasses(Duration.ofSeconds(1));
        assertThat(run.expectMessageClass(MembershipEvent.Formed.class).members())
                .extracting(member -> member.join().seat())
                .containsExactly(0, 1);
    }

    @Test
    void shouldTakeANodeInThatComesLate() {
        ActorRef<WireMessage> membership = kit.spawn(membership("1:2", "2", 2));
        membership.tell(join(0, 0, worker()));
        membership.tell(join(1, 0, worker()));
        expectArrival(1, 4);
        expectArrival(2, 4);
        // As many as the generation of the coordinator before this one are enough.
        assertThat(run.expectMessageClass(MembershipEvent.Formed.class).members())
                .hasSize(2);
        TestProbe<WorkerCommand> third = worker();
        membership.tell(join(2, 1, third));
        expectArrival(3, 4);
        third.expectNoMessage();
        membership.tell(join(2, 1, third));
        third.expectMessage(new WorkerCommand.StandBy(1));
        run.expectNoMessage();
        membership.tell(join(3, 1, worker()));
        expectArrival(4, 4);
        run.expectMessage(new MembershipEvent.CouldGrow(4));
        membership.tell(Membership.renew(Set.of()));
        MembershipEvent.Formed second = run.expectMessageClass(MembershipEvent.Formed.class);
        assertThat(second.generation()).isEqualTo(2);
        assertThat(second.members()).hasSize(4);
        membership.tell(Membership.renew(Set.of(1)));
        assertThat(run.expectMessageClass(MembershipEvent.Formed.class).members())
                .hasSize(2);
        assertThat(third.expectMessageClass(WorkerCommand.Leave.class).failure())
                .contains(Category.PREEMPTED);
        third.stop();
        run.expectNoMessage();
    }

    @Test
    void shouldTellAWorkerOfACoordinatorBeforeThisOneThatItDoesNotKnowIt() {
        ActorRef<WireMessage> membership = kit.spawn(membership(2));
        TestProbe<WorkerCommand> known = worker();
        TestProbe<WorkerCommand> lost = worker();
        membership.tell(join("r", 0, known));
        membership.tell(join("r", 1, lost));
        expectArrival(1, 2);
        expectArrival(2, 2);
        run.expectMessageClass(MembershipEvent.Formed.class);
        membership.tell(Membership.expel(lost.getRef()));
        run.expectMessageClass(MembershipEvent.Lost.class);
        TestProbe<WorkerCommand> stranger = worker();
        for (TestProbe<WorkerCommand> one : List.of(known, lost, stranger)) {
            membership.tell(new Presence(one.getRef()));
        }
        stranger.expectMessage(new WorkerCommand.NotKnown());
        known.expectNoMessage();
        lost.expectNoMessage();
    }

    @Test
    void shouldNotWaitForAsManyWhenANodeIsSentAwayMeanwhile() {
        ActorRef<WireMessage> membership = kit.spawn(membership("1:4", "1", 0));
        List<TestProbe<WorkerCommand>> workers = List.of(worker(), worker(), worker(), worker());
        for (int seat = 0; seat < 4; seat++) {
            membership.tell(join(seat, seat, workers.get(seat)));
            expectArrival(seat + 1, 4);
        }
        run.expectMessageClass(MembershipEvent.Formed.class);
        // Nobody is waited for: the generation ends first.
        membership.tell(Membership.dismiss(Set.of(1)));
        workers.get(1).expectNoMessage();
        workers.get(2).stop();
        run.expectMessageClass(MembershipEvent.Lost.class);
        membership.tell(Membership.dismiss(Set.of(1)));
        assertThat(workers.get(1).expectMessageClass(WorkerCommand.Leave.class).failure())
                .contains(Category.PREEMPTED);
        // Two of the three can hold the virtual ranks; nobody waits for the last call.
        assertThat(run.expectMessageClass(MembershipEvent.Formed.class).members())
                .extracting(member -> member.join().seat())
                .containsExactly(0, 3);
    }

    @Test
    void shouldTakeOneForLostThatNobodyCanEnd() {
        ActorRef<WireMessage> membership = kit.spawn(membership("1:2", "1", 0));
        TestProbe<WorkerCommand> silent = worker();
        membership.tell(join(0, 0, worker()));
        membership.tell(join(1, 1, silent));
        expectArrival(1, 2);
        expectArrival(2, 2);
        run.expectMessageClass(MembershipEvent.Formed.class);
        membership.tell(Membership.expel(silent.getRef()));
        assertThat(run.expectMessageClass(MembershipEvent.Lost.class).member().commands())
                .isEqualTo(silent.getRef());
        silent.stop();
        time.timePasses(Duration.ofSeconds(20));
        assertThat(run.expectMessageClass(MembershipEvent.Formed.class).members())
                .hasSize(1);
    }

    @Test
    void shouldWaitForANodeThatIsLostUntilTheLastCallIsOver() {
        ActorRef<WireMessage> membership = kit.spawn(membership("1:3", "1,2,1", 0));
        TestProbe<WorkerCommand> first = worker();
        List<TestProbe<WorkerCommand>> second = List.of(worker(), worker());
        TestProbe<WorkerCommand> third = worker();
        membership.tell(join(0, 0, first));
        membership.tell(join(1, 1, second.get(0)));
        membership.tell(join(2, 1, second.get(1)));
        membership.tell(join(3, 2, third));
        for (int present = 1; present <= 4; present++) {
            expectArrival(present, 4);
        }
        run.expectMessageClass(MembershipEvent.Formed.class);
        second.forEach(TestProbe::stop);
        run.expectMessageClass(MembershipEvent.Lost.class);
        run.expectMessageClass(MembershipEvent.Lost.class);
        // Both are needed again: a node of which one is back is not.
        membership.tell(join(1, 1, worker()));
        expectArrival(3, 4);
        time.timePasses(Duration.ofSeconds(19));
        run.expectNoMessage();
        time.timePasses(Duration.ofSeconds(1));
        MembershipEvent.Formed without = run.expectMessageClass(MembershipEvent.Formed.class);
        assertThat(without.generation()).isEqualTo(2);
        assertThat(without.members()).extracting(Member::commands).containsExactly(first.getRef(), third.getRef());
    }

    @Test
    void shouldKeepThoseThatHoldTheStateWhereNotAllCanTakePart() {
        // Four virtual ranks are held by four, two or one.
        ActorRef<WireMessage> membership = kit.spawn(membership("1:4", "1", 0));
        List<TestProbe<WorkerCommand>> workers = List.of(worker(), worker(), worker(), worker());
        for (int seat = 0; seat < 4; seat++) {
            membership.tell(join(seat, seat, workers.get(seat)));
            expectArrival(seat + 1, 4);
        }
        run.expectMessageClass(MembershipEvent.Formed.class);
        workers.get(0).stop();
        workers.get(1).stop();
        run.expectMessageClass(MembershipEvent.Lost.class);
        run.expectMessageClass(MembershipEvent.Lost.class);
        time.timePasses(Duration.ofSeconds(20));
        assertThat(run.expectMessageClass(MembershipEvent.Formed.class).members())
                .extracting(member -> member.join().seat())
                .containsExactly(2, 3);
        membership.tell(join(0, 0, worker()));
        expectArrival(3, 4);
        membership.tell(Membership.renew(Set.of()));
        assertThat(run.expectMessageClass(MembershipEvent.Formed.class).members())
                .extracting(member -> member.join().seat())
                .containsExactly(2, 3);
    }

    private void expectArrival(int present, int expected) {
        MembershipEvent.Arrived arrived = run.expectMessageClass(MembershipEvent.Arrived.class);
        assertThat(arrived.present()).isEqualTo(present);
        assertThat(arrived.expected()).isEqualTo(expected);
    }

    private static Join join(int seat, int node, TestProbe<WorkerCommand> worker) {
        return new Join("r", seat, node, "host-" + node, 4711, "cpu", "", 0, -1, worker.getRef());
    }

    private Behavior<WireMessage> membership(int workers) {
        return membership("1", Integer.toString(workers), 0);
    }

    private Behavior<WireMessage> membership(String nnodes, String each, int worldSize) {
        Map<String, String> flags =
                new HashMap<>(Map.of("model_name_or_path", "m", "data_path", "d", "output_dir", "o"));
        flags.putAll(Map.of("nnodes", nnodes, "nproc_per_node", each, "rdzv_timeout", "60", "rdzv_last_call", "20"));
        RunConfig config = RunConfig.read(Settings.of(flags, null));
        return Membership.create("r", new Formation(config.launch(), config.train()), 0, worldSize, run.getRef());
    }

    private TestProbe<WorkerCommand> worker() {
        return kit.createTestProbe();
    }

    private static Join join(String run, int seat, TestProbe<WorkerCommand> worker) {
        return new Join(run, seat, 0, "node-a", 4711, "cpu", "", 0, -1, worker.getRef());
    }
}
