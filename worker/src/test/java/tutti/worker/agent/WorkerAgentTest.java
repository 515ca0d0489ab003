package tutti.worker.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.ManualTime;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import tutti.common.config.RunConfig;
import tutti.common.config.Settings;
import tutti.common.config.WorkerSeat;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.protocol.Join;
import tutti.common.protocol.Presence;
import tutti.common.protocol.WireMessage;
import tutti.common.protocol.WorkerCommand;
import tutti.common.protocol.WorkerCommand.Assign;
import tutti.common.protocol.WorkerCommand.Begin;
import tutti.common.protocol.WorkerCommand.Lease;
import tutti.common.protocol.WorkerCommand.Leave;
import tutti.common.protocol.WorkerCommand.NotKnown;
import tutti.common.protocol.WorkerCommand.StandBy;
import tutti.common.protocol.WorkerReport;
import tutti.worker.agent.WorkerAgent.Ending;
import tutti.worker.train.Progress;

/** The worker's actor between a coordinator and a training thread that only write down what they are told. */
class WorkerAgentTest {
    private static final int RANK = 1;
    private static final Duration RETRY = Duration.ofMillis(300);

    private final ActorTestKit kit = ActorTestKit.create(ManualTime.config());
    private final ManualTime time = ManualTime.get(kit.system());
    private final TestProbe<WireMessage> membership = kit.createTestProbe();
    private final TestProbe<WorkerReport> run = kit.createTestProbe();
    private final Recorded training = new Recorded();
    private final CompletableFuture<Ending> outcome = new CompletableFuture<>();
    private ActorRef<WorkerAgent.Message> agent;

    @AfterEach
    void stop() {
        kit.shutdownTestKit();
    }

    @Test
    void shouldSayWithWhatItHoldsThatItIsHereUntilItIsTaken() throws Exception {
        start(3);
        membership.expectNoMessage();
        training.left.complete(7L);
        Join join = nextJoin();
        assertThat(join.completed()).isEqualTo(7);
        assertThat(join.seat()).isEqualTo(RANK);
        time.timePasses(RETRY);
        assertThat(nextJoin()).isEqualTo(join);

        join.replyTo().tell(assign(1));
        assertThat(training.next()).isEqualTo(assign(1));
        time.timePasses(RETRY);
        membership.expectNoMessage();
    }

    @Test
    void shouldTellTheMembershipEachSecondThatItIsHereWhileItWorks() throws Exception {
        ActorRef<WorkerCommand> commands = work(3);
        for (int second = 0; second < 3; second++) {
            time.timePasses(Duration.ofSeconds(1));
            membership.expectMessage(new Presence(commands));
        }
        // Left out of the next generation it joins again, and says nothing else.
        commands.tell(new StandBy(2));
        assertThat(nextJoin().completed()).isEqualTo(7);
        time.timePasses(Duration.ofSeconds(1));
        for (int again = 0; again < 3; again++) {
            nextJoin();
        }
        membership.expectNoMessage();
    }

    @Test
    void shouldTakeItForTheEndOfItsCoordinatorThatTheOneThereDoesNotKnowIt() throws Exception {
        ActorRef<WorkerCommand> commands = work(3);
        commands.tell(new NotKnown());
        assertThat(outcome.get(10, TimeUnit.SECONDS)).isEqualTo(Ending.COORDINATOR_LOST);
        assertThat(training.stopped).as("what it holds is for the next one").isFalse();
    }

    @Test
    void shouldEndWithItsCoordinatorWhereNothingIsStartedAgain() throws Exception {
        work(0).tell(new NotKnown());
        assertEnds(Category.PEER, "rank 1", "192.0.2.7:29500", "is gone");
        assertThat(training.stopped).isTrue();
    }

    @Test
    void shouldGoOnForAWhileWhenTheRunsActorEndsBeforeItsLastOrder() throws Exception {
        ActorRef<WorkerCommand> commands = work(3);
        run.stop();
        kit.createTestProbe().expectTerminated(run.getRef());
        time.timePasses(Duration.ofSeconds(1));
        commands.tell(Leave.done());
        assertThat(outcome.get(10, TimeUnit.SECONDS)).isEqualTo(Ending.DONE);
    }

    @Test
    void shouldAskEachGenerationToLetItGoOnceItIsToldToMakeRoom() throws Exception {
        ActorRef<WorkerCommand> commands = work(3);
        agent.tell(WorkerAgent.preempt());
        run.expectMessage(new WorkerReport.Preempted(RANK, 1));
        commands.tell(assign(2));
        run.expectMessage(new WorkerReport.Preempted(RANK, 2));
        // The coordinator that was asked is dead, and the next one need not know of this worker.
        agent.tell(WorkerAgent.coordinatorLost());
        assertEnds(Category.PREEMPTED, "rank 1", "preempted");
    }

    @Test
    void shouldEndAtOnceWhereItIsToMakeRoomBeforeItIsTaken() throws Exception {
        start(3);
        agent.tell(WorkerAgent.preempt());
        assertEnds(Category.PREEMPTED, "rank 1", "in no generation");
    }

    @Test
    void shouldGiveTheThreadTheOrdersOfItsGenerationAlone() throws Exception {
        ActorRef<WorkerCommand> commands = work(3);
        commands.tell(assign(2));
        commands.tell(begin(1));
        commands.tell(assign(1));
        commands.tell(begin(2));
        assertThat(List.of(training.next(), training.next())).containsExactly(assign(2), begin(2));
        assertThat(training.orders).isEmpty();
    }

    @Test
    void shouldPassOverWhatComesOnceMore() throws Exception {
        ActorRef<WorkerCommand> commands = work(3);
        Lease first = new Lease(1, 0, List.of(), true, false);
        Lease second = new Lease(1, 1, List.of(), false, true);
        List.of(first, first, second, first, second, assign(1)).forEach(commands::tell);
        commands.tell(new StandBy(2));
        assertThat(List.of(training.next(), training.next())).containsExactly(first, second);
        nextJoin();
        commands.tell(assign(1));
        commands.tell(assign(2));
        assertThat(training.next()).isEqualTo(assign(2));
    }

    @Test
    void shouldTellTheCoordinatorWhatItDoesWhenItIsHeld() throws Exception {
        ActorRef<WorkerCommand> commands = work(3);
        training.progress.at("backward of step 3");
        commands.tell(new WorkerCommand.Hold(1));
        run.expectMessage(new WorkerReport.Holding(RANK, 1, "backward of step 3", 0));
    }

    @Test
    void shouldSayHowLongItWaitedForACoordinator() throws Exception {
        start(3);
        training.left.complete(-1L);
        nextJoin();
        time.timePasses(Duration.ofSeconds(50 + 30));
        assertEnds(Category.PEER, "no answer", "192.0.2.7:29500", "80 s");
    }

    private void assertEnds(Category category, String... words) {
        assertThatThrownBy(() -> outcome.get(10, TimeUnit.SECONDS))
                .cause()
                .isInstanceOfSatisfying(TuttiException.class, cause -> {
                    assertThat(cause.category()).isEqualTo(category);
                    assertThat(cause).hasMessageContainingAll(words);
                });
    }

    /** Taken into generation 1. @return where its orders go */
    private ActorRef<WorkerCommand> work(int restarts) throws Exception {
        start(restarts);
        training.left.complete(7L);
        ActorRef<WorkerCommand> commands = nextJoin().replyTo();
        commands.tell(assign(1));
        assertThat(training.next()).isEqualTo(assign(1));
        return commands;
    }

    private void start(int restarts) {
        Map<String, String> flags = new HashMap<>();
        flags.put("model_name_or_path", "m");
        flags.put("data_path", "d");
        flags.put("output_dir", "o");
        flags.put("rdzv_timeout", "50");
        flags.put("max_restarts", Integer.toString(restarts));
        WorkerSeat seat = new WorkerSeat(RANK, 0, 1, 2, "192.0.2.7", 29500, "abc", Path.of("/nonexistent"), 1);
        agent = kit.spawn(WorkerAgent.create(
                RunConfig.read(Settings.of(flags, null)),
                seat,
                new GradientAddress("192.0.2.8", 4000, 1408),
                training,
                system -> membership.getRef(),
                outcome));
    }

    private Join nextJoin() {
        return membership.expectMessageClass(Join.class);
    }

    private Assign assign(int generation) {
        return new Assign("abc", generation, RANK, 2, List.of(), "", -1, Optional.empty(), run.getRef());
    }

    private static Begin begin(int generation) {
        return new Begin(generation, 0, 10, OptionalDouble.empty(), OptionalDouble.empty());
    }

    /** A thread that does nothing. */
    private static final class Recorded implements Training {
        private final BlockingQueue<WorkerCommand> orders = new LinkedBlockingQueue<>();
        private final CompletableFuture<Long> left = new CompletableFuture<>();
        private final Progress progress = new Progress(() -> 0);
        private volatile boolean stopped;
        private volatile int generation;

        WorkerCommand next() throws InterruptedException {
            return orders.poll(10, TimeUnit.SECONDS);
        }

        @Override
        public void order(WorkerCommand command) {
            if (command instanceof Assign assign) {
                generation = assign.generation();
            }
            orders.add(command);
        }

        @Override
        public int generation() {
            return generation;
        }

        @Override
        public CompletableFuture<Long> hold() {
            return left;
        }

        @Override
        public Progress progress() {
            return progress;
        }

        @Override
        public void stop() {
            stopped = true;
        }
    }
}
