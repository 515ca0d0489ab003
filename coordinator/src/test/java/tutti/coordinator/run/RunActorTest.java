package tutti.coordinator.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.FishingOutcomes;
import akka.actor.testkit.typed.javadsl.ManualTime;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorRefResolver;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.checkpoint.Manifest;
import tutti.common.config.LedgerConfig;
import tutti.common.config.RunConfig;
import tutti.common.config.Settings;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.metrics.Meter;
import tutti.common.protocol.ClusterConfig;
import tutti.common.protocol.Join;
import tutti.common.protocol.StepShard;
import tutti.common.protocol.WireMessage;
import tutti.common.protocol.WorkerCommand;
import tutti.common.protocol.WorkerReport;
import tutti.common.protocol.WorkerReport.StepDone;
import tutti.common.protocol.WorkerReport.StepTimes;
import tutti.coordinator.ledger.Past;
import tutti.coordinator.ledger.RunLedger;

/** The run against two workers that are probes: one whole run, and every way it can go wrong. */
class RunActorTest {
    private static final String HASH = "ab12".repeat(16);

    @TempDir
    Path output;

    private final ActorTestKit kit = ActorTestKit.create(ManualTime.config());
    private final ManualTime time = ManualTime.get(kit.system());
    private final List<TestProbe<WorkerCommand>> workers = new ArrayList<>();
    private final ByteArrayOutputStream terminal = new ByteArrayOutputStream();
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final CompletableFuture<Void> outcome = new CompletableFuture<>();
    private StatusBoard board;
    private RunLedger ledger;
    private Past past = Past.NONE;
    private ActorRef<WorkerReport> run;
    private ActorRef<RunActor.Message> control;
    private final AtomicLong clock = new AtomicLong();

    @AfterEach
    void stop() {
        kit.shutdownTestKit();
    }

    @Test
    void shouldConductARunFromJoinToTheLastCommit() throws Exception {
        form();
        ready(0, "same");
        ready(1, "same");
        for (TestProbe<WorkerCommand> worker : workers) {
            assertThat(worker.expectMessageClass(WorkerCommand.Begin.class).totalSteps())
                    .isEqualTo(4);
        }
        assertLease(true, 0, 1);
        run.tell(new WorkerReport.Stalled(1, 1, "waits for rank 0"));
        trainThrough(0, 1);
        assertLease(false, 2);
        writeParts(2);
        assertLease(true, 3);
        trainThrough(2, 3);
        // The reports are on their way to the actor when trainThrough() returns.
        workers.get(0)
                .awaitAssert(
                        Duration.ofSeconds(20),
                        () -> assertThat(board.status().state()).isEqualTo(RunState.COMMITTING));
        writeParts(4);
        run.tell(new WorkerReport.Finished(0, 1, 4, HASH, 63L << 20));
        run.tell(new WorkerReport.Finished(1, 1, 4, HASH, 0));
        outcome.get(20, TimeUnit.SECONDS);
        assertThat(workers.get(0).expectMessageClass(WorkerCommand.Leave.class).failure())
                .isEmpty();
        assertThat(Manifest.verify(output.resolve("checkpoint-2")).ok()).isTrue();
        assertThat(Manifest.verify(output.resolve("checkpoint-4")).ok()).isTrue();
        assertThat(Files.readAllLines(output.resolve("metrics.jsonl"))).hasSize(4);
        assertThat(terminal.toString(StandardCharsets.UTF_8))
                .contains("4 steps", "done:")
                .containsOnlyOnce("memory: planned 64 MiB, measured 63 MiB a worker (98.4 %)");
        assertThat(Files.readString(output.resolve("events.jsonl")))
                .contains(
                        "\"collective_stalled\",\"generation\":1,\"message\":\"waits for rank 0\",\"rank\":1",
                        "\"planned_peak_bytes\":{\"0\":67108864,\"1\":67108864}",
                        "\"measured_peak_bytes\":{\"0\":66060288,\"1\":0}");
        assertThat(board.status().state()).isEqualTo(RunState.DONE);
    }

    @Test
    void shouldGiveAllRanksOneKeyAndTellNobodyElse() throws Exception {
        List<WorkerCommand.Assign> assigned = form(Map.of("secure_gradients", "True"));
        byte[] key = assigned.get(0).gradientKey().orElseThrow().bytes();
        assertThat(assigned.get(1).gradientKey().orElseThrow().bytes()).isEqualTo(key);
        run.tell(new WorkerReport.Failed(1, 1, Category.DATA, "stop here"));
        assertFailed(Category.DATA, "stop here");
        String said = terminal.toString(StandardCharsets.UTF_8) + Files.readString(output.resolve("events.jsonl"));
        assertThat(said)
                .contains("generation_formed")
                .doesNotContain(HexFormat.of().formatHex(key))
                .doesNotContain(Base64.getEncoder().encodeToString(key))
                .doesNotContain(Arrays.toString(key));
    }

    @Test
    void shouldGiveNoKeyUnlessAsked() {
        assertThat(form()).allMatch(assign -> assign.gradientKey().isEmpty());
    }

    @Test
    void shouldEndWithTheFirstCauseAndTellEveryWorker() throws Exception {
        form();
        run.tell(new WorkerReport.Failed(1, 1, Category.DATA, "train.json:7: malformed"));
        assertFailed(Category.DATA, "train.json:7");
        for (TestProbe<WorkerCommand> worker : workers) {
            assertThat(worker.expectMessageClass(WorkerCommand.Leave.class).failure())
                    .contains(Category.DATA);
        }
        assertThat(Files.readString(output.resolve("events.jsonl"))).contains("run_failed", "train.json:7");
    }

    @Test
    void shouldRefuseRanksThatReadDifferentData() throws Exception {
        form();
        ready(0, "one");
        ready(1, "other");
        assertFailed(Category.DATA, "rank 1 read other data");
    }

    @Test
    void shouldNotCallARunDoneWhoseRanksEndWithDifferentBits() throws Exception {
        form();
        begin();
        assertLease(true, 0, 1);
        trainThrough(0, 1);
        assertLease(false, 2);
        writeParts(2);
        assertLease(true, 3);
        trainThrough(2, 3);
        writeParts(4);
        run.tell(new WorkerReport.Finished(0, 1, 4, "bits", 1));
        run.tell(new WorkerReport.Finished(1, 1, 4, "other bits", 1));
        assertFailed(Category.BUG, "different weights");
        assertThat(Files.readString(output.resolve("events.jsonl"))).doesNotContain("run_finished");
    }

    @Test
    void shouldEndWhenTheLedgerCannotBeWritten() throws Exception {
        form();
        ready(0, "same");
        ready(1, "same");
        ledger.close();
        trainThrough(0, 0);
        assertFailed(Category.ENVIRONMENT, "cannot be written");
    }

    @Test
    void shouldWaitAsLongAsItHearsThatLoadingGoesOn() throws Exception {
        form();
        for (int sample = 1; sample <= 3; sample++) {
            String doing = "tokenising sample " + sample;
            time.timePasses(Duration.ofMinutes(29));
            run.tell(new WorkerReport.Loading(1, 1, "not shown"));
            run.tell(new WorkerReport.Loading(0, 1, doing));
            workers.get(0)
                    .awaitAssert(
                            Duration.ofSeconds(20),
                            () -> assertThat(terminal.toString(StandardCharsets.UTF_8))
                                    .contains("loading: " + doing));
        }
        assertThat(terminal.toString(StandardCharsets.UTF_8)).doesNotContain("not shown");
        assertThat(outcome).isNotDone();
        time.timePasses(Duration.ofMinutes(31));
        assertFailed(Category.PEER, "loading model and data");
    }

    @Test
    void shouldEndWhenNoWorkerReportsForTooLong() throws Exception {
        form();
        ready(0, "same");
        ready(1, "same");
        workers.get(0).expectMessageClass(WorkerCommand.Begin.class);
        time.timePasses(Duration.ofHours(2));
        assertFailed(Category.PEER, "no worker reported");
    }

    @Test
    void shouldRemoveAPartialCheckpointWhenTheRunFails() throws Exception {
        form();
        begin();
        assertLease(true, 0, 1);
        assertThat(output.resolve(".checkpoint-2.partial")).isDirectory();
        run.tell(new WorkerReport.Failed(0, 1, Category.NUMERIC, "NaN"));
        assertFailed(Category.NUMERIC, "NaN");
        kit.createTestProbe().awaitAssert(() -> {
            assertThat(output.resolve(".checkpoint-2.partial")).doesNotExist();
            return null;
        });
    }

    @Test
    void shouldMeasureHowLongTrainingStoodStillBetweenTwoCheckpoints() {
        form();
        begin();
        assertLease(true, 0, 1);
        trainThrough(0, 1);
        assertLease(false, 2);
        clock.addAndGet(Duration.ofSeconds(2).toNanos());
        trainThrough(2, 2);
        workers.get(0)
                .awaitAssert(
                        Duration.ofSeconds(20),
                        () -> assertThat(board.status().state()).isEqualTo(RunState.COMMITTING));
        clock.addAndGet(Duration.ofSeconds(5).toNanos());
        writeParts(2);
        assertLease(true, 3);
        // It is measured when the lease is out.
        kit.createTestProbe().awaitAssert(() -> {
            assertThat(registry.get(Meter.CHECKPOINT_WAIT.id()).timer().totalTime(TimeUnit.SECONDS))
                    .isEqualTo(5);
            return null;
        });
        assertThat(registry.get(Meter.CHECKPOINT_TIME.id()).timer().totalTime(TimeUnit.SECONDS))
                .isEqualTo(7);
    }

    @Test
    void shouldAbandonACheckpointThatADiskDoesNotTakeAndGoOn() throws Exception {
        form();
        begin();
        trainThrough(0, 1);
        writeParts(2);
        assertLease(true, 0, 1);
        assertLease(false, 2);
        assertLease(true, 3);
        trainThrough(2, 3);
        run.tell(new WorkerReport.PartFailed(0, 1, 4, "model.safetensors: No space left on device"));
        assertThat(output.resolve(".checkpoint-4.partial"))
                .as("rank 1 may still be writing into it")
                .isDirectory();
        run.tell(new WorkerReport.PartWritten(1, 1, 4, List.of()));
        run.tell(new WorkerReport.Finished(0, 1, 4, HASH, 1));
        run.tell(new WorkerReport.Finished(1, 1, 4, HASH, 1));
        outcome.get(20, TimeUnit.SECONDS);
        assertThat(output.resolve(".checkpoint-4.partial")).doesNotExist();
        assertThat(output.resolve("checkpoint-4")).doesNotExist();
        assertThat(Manifest.verify(output.resolve("checkpoint-2")).ok()).isTrue();
        assertThat(Files.readString(output.resolve("events.jsonl")))
                .contains(
                        "\"checkpoint_abandoned\",\"reason\":\"rank 0: model.safetensors: No space left on device\",\"step\":4");
        assertThat(terminal.toString(StandardCharsets.UTF_8))
                .contains("warning: checkpoint-4 was abandoned, older ones stay: rank 0: model.safetensors: No space");
    }

    /** Its folder's name is taken, so even the partial folder cannot be made. */
    @Test
    void shouldGoOnWithoutACheckpointThatCannotEvenBeBegun() throws Exception {
        form(Map.of("save_steps", "2"));
        Path blocked = output.resolve(".checkpoint-2.partial");
        Files.createSymbolicLink(blocked, output.resolve("gone"));
        begin();
        assertLease(false, 0, 1);
        trainThrough(0, 1);
        assertLease(true, 2, 3);
        assertThat(Files.readString(output.resolve("events.jsonl"))).contains("checkpoint_abandoned");
    }

    @Test
    void shouldSaveAfterWhatIsHandedOutWhenSomebodyAsks() {
        form(Map.of("save_steps", "100", "max_steps", "50"));
        begin();
        assertLease(false, 0, 1);
        control.tell(RunActor.saveNow());
        assertLease(true);
        trainThrough(0, 0);
        assertLease(false, LongStream.range(2, 33).toArray());
        control.tell(RunActor.saveNow());
        writeParts(2);
        // The second wish waited for the first to be fulfilled.
        assertLease(true);
        assertThat(output.resolve("checkpoint-2")).isDirectory();
        assertThat(output.resolve(".checkpoint-33.partial")).isDirectory();
    }

    @Test
    void shouldSaveWhenTheFileIsTouchedAndDeleteIt() throws Exception {
        form(Map.of("save_steps", "100", "max_steps", "50"));
        begin();
        assertLease(false, 0, 1);
        Files.createFile(output.resolve("save_now"));
        trainThrough(0, 0);
        assertLease(true);
        assertThat(output.resolve("save_now")).doesNotExist();
    }

    @Test
    void shouldSaveByTheClockFromTheLastSaveOn() {
        form(Map.of("save_strategy", "no", "save_minutes", "0.5", "max_steps", "50"));
        begin();
        assertLease(false, 0, 1);
        clock.addAndGet(Duration.ofSeconds(29).toNanos());
        trainThrough(0, 0);
        assertLease(false, LongStream.range(2, 33).toArray());
        clock.addAndGet(Duration.ofSeconds(1).toNanos());
        trainThrough(1, 1);
        assertLease(true);
        writeParts(33);
        clock.addAndGet(Duration.ofSeconds(29).toNanos());
        trainThrough(2, 16);
        assertLease(false, LongStream.range(33, 49).toArray());
        clock.addAndGet(Duration.ofSeconds(1).toNanos());
        trainThrough(17, 17);
        assertLease(true);
    }

    @Test
    void shouldAbandonACheckpointThatCannotBeCommitted() throws Exception {
        form(Map.of("save_steps", "2"));
        begin();
        assertLease(true, 0, 1);
        Path partial = output.resolve(".checkpoint-2.partial");
        Files.createSymbolicLink(partial.resolve("MANIFEST.json"), Path.of("/dev/full"));
        trainThrough(0, 1);
        assertLease(false, 2);
        writeParts(2);
        assertLease(true, 3);
        assertThat(partial).doesNotExist();
        assertThat(output.resolve("checkpoint-2")).doesNotExist();
        assertThat(Files.readString(output.resolve("events.jsonl"))).contains("checkpoint_abandoned", "No space left");
    }

    @Test
    void shouldLeaveBehindACheckpointOfAllThatIsHandedOutWhenToldToMakeRoom() throws Exception {
        form(Map.of("save_strategy", "no", "max_steps", "50"));
        begin();
        assertLease(false, 0, 1);
        control.tell(RunActor.preempt());
        // A whole process group may be told, or a node that hears of it later.
        run.tell(new WorkerReport.Preempted(1, 1));
        assertLease(true);
        trainThrough(0, 1);
        writeParts(2);
        assertFailed(Category.PREEMPTED, "after step 2", "checkpoint-2", "--resume_from_checkpoint True");
        assertThat(board.status().state()).isEqualTo(RunState.PREEMPTED);
        for (TestProbe<WorkerCommand> worker : workers) {
            assertThat(worker.expectMessageClass(WorkerCommand.Leave.class).failure())
                    .contains(Category.PREEMPTED);
        }
        assertThat(Manifest.verify(output.resolve("checkpoint-2")).ok()).isTrue();
        assertThat(Files.readString(output.resolve("events.jsonl")))
                .contains("preemption_announced", "\"run_preempted\",\"checkpoint\":\"checkpoint-2\",\"step\":2")
                .doesNotContain("run_failed");
    }

    @Test
    void shouldLeaveBehindTheCheckpointThatIsBeingWrittenAnyway() throws Exception {
        form(Map.of("save_steps", "2", "max_steps", "50"));
        begin();
        assertLease(true, 0, 1);
        run.tell(new WorkerReport.Preempted(0, 1));
        trainThrough(0, 1);
        writeParts(2);
        assertFailed(Category.PREEMPTED, "checkpoint-2");
        workers.forEach(worker -> worker.expectMessageClass(WorkerCommand.Leave.class));
    }

    @Test
    void shouldNotCallItPreemptedWhenTheLastCheckpointCouldNotBeWritten() throws Exception {
        form(Map.of("save_strategy", "no", "max_steps", "50"));
        begin();
        control.tell(RunActor.preempt());
        trainThrough(0, 1);
        run.tell(new WorkerReport.PartFailed(0, 1, 2, "No space left"));
        run.tell(new WorkerReport.PartWritten(1, 1, 2, List.of()));
        assertFailed(Category.ENVIRONMENT, "no checkpoint of step 2 could be written");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldLeaveAtOnceBeforeTheFirstStep(boolean byAWorker) throws Exception {
        form();
        if (byAWorker) {
            run.tell(new WorkerReport.Preempted(1, 1));
        } else {
            control.tell(RunActor.preempt());
        }
        assertFailed(Category.PREEMPTED, "before the first step");
    }

    /** Rank 1 dies in step 3, which rank 0 has completed and nobody else reports. */
    @Test
    void shouldGoOnWithWhatTheOthersHoldWhenAWorkerIsLost() throws Exception {
        form(Map.of("save_strategy", "no", "max_steps", "4"));
        begin();
        assertLease(false, 0, 1);
        trainThrough(0, 1);
        assertLease(false, 2, 3);
        done(0, 1, 2);
        TestProbe<WorkerCommand> next = replace(1);
        workers.get(0).expectMessage(new WorkerCommand.Hold(1));
        workers.get(0).expectNoMessage();
        run.tell(new WorkerReport.Held(0, 1, 3));
        workers.set(1, next);
        for (int rank = 0; rank < 2; rank++) {
            WorkerCommand.Assign assign = workers.get(rank).expectMessageClass(WorkerCommand.Assign.class);
            assertThat(assign.generation()).isEqualTo(2);
            assertThat(assign.rank()).isEqualTo(rank);
            assertThat(assign.stateFrom()).isZero();
        }
        ready(0, 2, -1);
        ready(1, 2, -1);
        for (TestProbe<WorkerCommand> worker : workers) {
            assertThat(worker.expectMessageClass(WorkerCommand.Begin.class).firstStep())
                    .isEqualTo(3);
        }
        assertLease(false, 3);
        // Of the generation that is over: nobody waits for it.
        run.tell(new WorkerReport.Failed(0, 1, Category.BUG, "late"));
        done(0, 2, 3);
        done(1, 2, 3);
        run.tell(new WorkerReport.Finished(0, 2, 4, HASH, 0));
        run.tell(new WorkerReport.Finished(1, 2, 4, HASH, 0));
        outcome.get(20, TimeUnit.SECONDS);
        assertThat(Files.readAllLines(output.resolve("metrics.jsonl")))
                .as("a line a step, also of the one whose last report never came")
                .hasSize(4);
        assertThat(Files.readString(output.resolve("events.jsonl"))).containsOnlyOnce("\"worker_lost\"");
        assertThat(terminal.toString(StandardCharsets.UTF_8))
                .contains("rank 1 (pid 101 on host) was lost (1 of 3", "training goes on after step 3");
    }

    /** Rank 1 dies when rank 0 has written its part of the checkpoint behind the last step. */
    @Test
    void shouldMakeTheLastCheckpointAgainThatALossHasCost() throws Exception {
        form();
        begin();
        assertLease(true, 0, 1);
        trainThrough(0, 1);
        assertLease(false, 2);
        writeParts(2);
        assertLease(true, 3);
        trainThrough(2, 3);
        run.tell(new WorkerReport.PartWritten(0, 1, 4, List.of()));
        loseRank1(4);
        ready(0, 2, -1);
        ready(1, 2, -1);
        workers.forEach(worker ->
                worker.expectMessage(new WorkerCommand.Begin(2, 4, 4, OptionalDouble.of(1), OptionalDouble.empty())));
        writeParts(2, 4);
        run.tell(new WorkerReport.Finished(0, 2, 4, HASH, 0));
        run.tell(new WorkerReport.Finished(1, 2, 4, HASH, 0));
        outcome.get(20, TimeUnit.SECONDS);
        assertThat(Manifest.verify(output.resolve("checkpoint-4")).ok()).isTrue();
        assertThat(Files.readString(output.resolve("events.jsonl")))
                .containsOnlyOnce("\"checkpoint_abandoned\"")
                .contains("rank 1 (pid 101 on host) was lost while it was written");
    }

    /** That somebody asked for, and that the plan does not name. */
    @Test
    void shouldMakeACheckpointAgainWhereTrainingComesToItsStepAgain() {
        form(Map.of("save_strategy", "no", "max_steps", "4"));
        begin();
        assertLease(false, 0, 1);
        trainThrough(0, 0);
        assertLease(false, 2, 3);
        loseRank1(1);
        ready(0, 2, -1);
        ready(1, 2, -1);
        workers.forEach(worker ->
                worker.expectMessage(new WorkerCommand.Begin(2, 1, 4, OptionalDouble.empty(), OptionalDouble.empty())));
        assertLease(false, 1, 2);
        control.tell(RunActor.saveNow());
        assertLease(true);
        loseRank1(2, 1);
        ready(0, 3, -1);
        ready(1, 3, -1);
        workers.forEach(worker ->
                worker.expectMessage(new WorkerCommand.Begin(3, 1, 4, OptionalDouble.empty(), OptionalDouble.empty())));
        assertLease(true, 1, 2);
        assertThat(output.resolve(".checkpoint-3.partial")).isDirectory();
    }

    @Test
    void shouldSaveWhenTheNextGenerationBeginsWhatSomebodyAsksForBetweenTwo() {
        form(Map.of("save_steps", "100", "max_steps", "50"));
        begin();
        assertLease(false, 0, 1);
        TestProbe<WorkerCommand> next = replace(1);
        workers.get(0).expectMessage(new WorkerCommand.Hold(1));
        control.tell(RunActor.saveNow());
        run.tell(new WorkerReport.Held(0, 1, 1));
        workers.set(1, next);
        workers.forEach(worker -> worker.expectMessageClass(WorkerCommand.Assign.class));
        ready(0, 2, -1);
        ready(1, 2, -1);
        workers.forEach(worker -> assertThat(
                        worker.expectMessageClass(WorkerCommand.Begin.class).saveAtEpoch())
                .isPresent());
    }

    /** Rank 0 holds so much in the first generation, and gives it to the next process of rank 1. */
    private void loseRank1(long completed) {
        loseRank1(1, completed);
    }

    private void loseRank1(int generation, long completed) {
        TestProbe<WorkerCommand> next = replace(1);
        workers.get(0)
                .fishForMessage(
                        Duration.ofSeconds(20),
                        order -> order.equals(new WorkerCommand.Hold(generation))
                                ? FishingOutcomes.complete()
                                : FishingOutcomes.continueAndIgnore());
        run.tell(new WorkerReport.Held(0, generation, completed));
        workers.set(1, next);
        workers.forEach(worker -> assertThat(
                        worker.expectMessageClass(WorkerCommand.Assign.class).stateFrom())
                .isZero());
    }

    /** With sharded optimizer state nobody has all of it. */
    @Test
    void shouldGoBackToTheLastCommitWhenNobodyHoldsTheState() throws Exception {
        form(Map.of("save_steps", "2", "max_steps", "8"));
        begin();
        assertLease(true, 0, 1);
        trainThrough(0, 1);
        assertLease(false, 2);
        writeParts(2);
        assertLease(true, 3);
        TestProbe<WorkerCommand> next = replace(0);
        workers.get(1).expectMessage(new WorkerCommand.Hold(1));
        run.tell(new WorkerReport.Held(1, 1, -1));
        workers.set(0, next);
        for (TestProbe<WorkerCommand> worker : workers) {
            WorkerCommand.Assign assign = worker.expectMessageClass(WorkerCommand.Assign.class);
            assertThat(assign.stateFrom()).isEqualTo(-1);
            assertThat(assign.resumeFrom())
                    .isEqualTo(output.resolve("checkpoint-2").toString());
        }
        assertThat(output.resolve(".checkpoint-4.partial"))
                .as("a part of it is lost")
                .doesNotExist();
        ready(0, 2, 2);
        ready(1, 2, 2);
        workers.forEach(worker -> assertThat(
                        worker.expectMessageClass(WorkerCommand.Begin.class).firstStep())
                .isEqualTo(2));
    }

    @Test
    void shouldEndWithTheFirstLossWhenThereAreTooMany() {
        form(Map.of("save_strategy", "no", "max_restarts", "1"));
        begin();
        replace(1);
        workers.get(0).expectMessageClass(WorkerCommand.Lease.class);
        workers.get(0).expectMessageClass(WorkerCommand.Hold.class);
        replace(1);
        assertFailed(
                Category.PEER,
                "workers were lost or cut off from each other 2 times, --max_restarts is 1; the first: rank 1 (pid 101 on host)");
    }

    @Test
    void shouldGoOnCountingGenerationsAndLossesWhereTheCoordinatorBeforeStopped() {
        past = new Past(
                "", List.of(), 3, 2, List.of(new Past.Loss(1, 0, "rank 0 (pid 9 on host)")), 0, 0, 0, 0, List.of());
        assertThat(form(Map.of("max_restarts", "1")))
                .extracting(WorkerCommand.Assign::generation)
                .containsOnly(4);
        replace(1);
        assertFailed(
                Category.PEER,
                "workers were lost or cut off from each other 2 times, --max_restarts is 1; the first: rank 0 (pid 9 on host) was lost before the coordinator");
    }

    @Test
    void shouldStopWhenAnotherCoordinatorHasTakenTheRun() throws Exception {
        form();
        begin();
        // Another process could not open the file; this one may.
        try (RunLedger other = open()) {
            run.tell(new WorkerReport.Stalled(1, 1, "waits for rank 0"));
            assertFailed(Category.ENVIRONMENT, "taken over by another coordinator, pid ");
            workers.forEach(worker -> assertThat(worker.fishForMessage(
                            Duration.ofSeconds(3),
                            command -> command instanceof WorkerCommand.Leave
                                    ? FishingOutcomes.complete()
                                    : FishingOutcomes.continueAndIgnore()))
                    .hasSize(1));
            other.happened("coordinator_restarted", Map.of());
        }
        assertThat(Files.readString(output.resolve("events.jsonl")))
                .contains("coordinator_restarted")
                .doesNotContain("collective_stalled", "run_failed");
    }

    /** Rank 0 has waited for it in vain, and nobody was lost meanwhile: all are asked what they do. */
    private void untilRank1IsSuspected() {
        untilRank1IsSuspected(3);
    }

    private void untilRank1IsSuspected(int restarts) {
        form(Map.of("save_strategy", "no", "max_restarts", Integer.toString(restarts)));
        begin();
        assertLease(false, 0, 1);
        run.tell(new WorkerReport.Failed(0, 1, Category.PEER, "waits for rank 1"));
        workers.get(0).expectNoMessage();
        time.timePasses(Duration.ofSeconds(6));
        workers.forEach(worker -> worker.expectMessage(new WorkerCommand.Hold(1)));
    }

    @Test
    void shouldHaveAWorkerKilledThatOthersWaitForAndThatDoesNotAnswer() throws Exception {
        untilRank1IsSuspected();
        run.tell(new WorkerReport.Holding(0, 1, "waiting for orders", 0));
        run.tell(new WorkerReport.Held(0, 1, 0));
        workers.get(0).expectNoMessage();
        time.timePasses(Duration.ofSeconds(10));
        workers.get(0).expectMessage(new WorkerCommand.Hold(1));
        time.timePasses(Duration.ofSeconds(3));
        workers.get(0).expectMessage(new WorkerCommand.StopHung(1, 101));
        // Its agent starts it again.
        workers.set(1, replace(1));
        for (TestProbe<WorkerCommand> worker : workers) {
            assertThat(worker.expectMessageClass(WorkerCommand.Assign.class).stateFrom())
                    .isZero();
        }
        assertThat(Files.readString(output.resolve("events.jsonl")))
                .contains("\"worker_hung\"", "rank 1 (pid 101 on host)", "\"worker_lost\"");
    }

    @Test
    void shouldHaveAWorkerEndItselfWhoseTrainingThreadHangs() throws Exception {
        untilRank1IsSuspected();
        run.tell(new WorkerReport.Holding(0, 1, "waiting for the gradients of step 1", 30_000));
        run.tell(new WorkerReport.Held(0, 1, 0));
        run.tell(new WorkerReport.Holding(1, 1, "backward of step 1", 15_000));
        workers.get(0).expectNoMessage();
        time.timePasses(Duration.ofSeconds(10));
        workers.forEach(worker -> worker.expectMessage(new WorkerCommand.Hold(1)));
        run.tell(new WorkerReport.Holding(1, 1, "backward of step 1", 26_000));
        workers.get(1).expectNoMessage();
        time.timePasses(Duration.ofSeconds(3));
        workers.get(1).expectMessage(new WorkerCommand.StopHung(1, 101));
        workers.get(0).expectNoMessage();
        assertThat(Files.readString(output.resolve("events.jsonl")))
                .contains("\"worker_hung\",\"doing\":\"backward of step 1\"", "rank 1 (pid 101 on host)");
        assertThat(terminal.toString(StandardCharsets.UTF_8))
                .contains("rank 1 (pid 101 on host) hangs (backward of step 1); the stacks", "logs/rank-1.log");
    }

    /** Both answer, and rank 1 computes on: it is slow at most. */
    private void untilNobodyHangs() {
        run.tell(new WorkerReport.Held(0, 1, 0));
        run.tell(new WorkerReport.Holding(1, 1, "forward of step 1", 16_000));
        workers.get(0).expectNoMessage();
        time.timePasses(Duration.ofSeconds(10));
        workers.forEach(worker -> worker.expectMessage(new WorkerCommand.Hold(1)));
        run.tell(new WorkerReport.Holding(1, 1, "backward of step 1", 2_000));
        workers.get(1).expectNoMessage();
        time.timePasses(Duration.ofSeconds(3));
    }

    @Test
    void shouldTryAgainWhereAllAnswerButCouldNotReachEachOther() throws Exception {
        untilRank1IsSuspected();
        untilNobodyHangs();
        workers.get(0).expectNoMessage();
        run.tell(new WorkerReport.Held(1, 1, 0));
        for (TestProbe<WorkerCommand> worker : workers) {
            assertThat(worker.expectMessageClass(WorkerCommand.Assign.class).generation())
                    .isEqualTo(2);
        }
        assertThat(Files.readString(output.resolve("events.jsonl")))
                .contains("\"group_broke\"", "waits for rank 1")
                .doesNotContain("worker_lost");
        assertThat(terminal.toString(StandardCharsets.UTF_8))
                .contains("waits for rank 1; every worker is there and answers, so all try again (1 of 3 losses");
    }

    @Test
    void shouldEndWithTheFirstReasonWhereTheyCannotReachEachOtherAgainAndAgain() {
        past = new Past(
                "",
                List.of(),
                0,
                0,
                List.of(new Past.Loss(0, Past.Loss.BETWEEN_NODES, "the connection of the group")),
                0,
                0,
                0,
                0,
                List.of());
        untilRank1IsSuspected(1);
        untilNobodyHangs();
        assertFailed(
                Category.PEER,
                "workers were lost or cut off from each other 2 times, --max_restarts is 1; the first: the connection of the group");
    }

    @Test
    void shouldGoBackToTheLastCommitWithoutTheSamplesSinceThen() throws Exception {
        form(Map.of("on_nonfinite", "rollback", "max_steps", "6"));
        begin();
        assertLease(true, 0, 1);
        trainThrough(0, 1);
        assertLease(false, 2);
        nonfinite(1, 2);
        // The checkpoint that is being written is the one to go back to.
        workers.forEach(worker -> worker.expectMessage(new WorkerCommand.Hold(1)));
        held(1, 2);
        workers.get(0).expectNoMessage();
        writeParts(2);
        for (TestProbe<WorkerCommand> worker : workers) {
            WorkerCommand.Assign assign = worker.expectMessageClass(WorkerCommand.Assign.class);
            assertThat(assign.generation()).isEqualTo(2);
            assertThat(assign.resumeFrom())
                    .isEqualTo(output.resolve("checkpoint-2").toString());
            assertThat(assign.stateFrom()).isEqualTo(-1);
        }
        ready(0, 2, 2);
        ready(1, 2, 2);
        workers.forEach(worker ->
                worker.expectMessage(new WorkerCommand.Begin(2, 3, 6, OptionalDouble.empty(), OptionalDouble.empty())));
        workers.forEach(worker -> assertThat(worker.expectMessageClass(WorkerCommand.Lease.class)
                        .shards()
                        .get(0)
                        .step())
                .isEqualTo(3));
        assertThat(Files.readString(output.resolve("events.jsonl")))
                .contains("\"rolled_back\",\"generation\":1,\"reason\":\"grad norm is NaN\",\"step\":3");
        assertThat(terminal.toString(StandardCharsets.UTF_8))
                .contains("warning: step 3: grad norm is NaN; back to the last checkpoint");
    }

    /** Its checkpoint was handed out with the steps that no rank comes to. */
    @Test
    void shouldNotWaitForACheckpointBehindTheStepThatIsRolledBack() throws Exception {
        form(Map.of("on_nonfinite", "rollback", "max_steps", "6"));
        begin();
        assertLease(true, 0, 1);
        nonfinite(1, 1);
        workers.forEach(worker -> worker.expectMessage(new WorkerCommand.Hold(1)));
        held(1, 1);
        workers.forEach(worker -> assertThat(
                        worker.expectMessageClass(WorkerCommand.Assign.class).resumeFrom())
                .isEmpty());
        assertThat(output.resolve(".checkpoint-2.partial")).doesNotExist();
    }

    /** A worker is lost before the generation that goes back has begun: it goes back still. */
    @Test
    void shouldNotForgetARollbackOverALoss() {
        form(Map.of("on_nonfinite", "rollback", "max_steps", "50", "save_strategy", "no"));
        begin();
        nonfinite(1, 1);
        held(1, 1);
        workers.forEach(RunActorTest::awaitAssign);
        TestProbe<WorkerCommand> next = replace(1);
        workers.get(0).expectMessage(new WorkerCommand.Hold(2));
        run.tell(new WorkerReport.Held(0, 2, 1));
        workers.set(1, next);
        for (TestProbe<WorkerCommand> worker : workers) {
            assertThat(worker.expectMessageClass(WorkerCommand.Assign.class).stateFrom())
                    .isEqualTo(-1);
        }
        ready(0, 3, 0);
        ready(1, 3, 0);
        workers.forEach(worker -> worker.expectMessage(
                new WorkerCommand.Begin(3, 2, 50, OptionalDouble.empty(), OptionalDouble.empty())));
    }

    @Test
    void shouldNameTheRankThatIsSlow() throws Exception {
        form(Map.of("max_steps", "50", "save_strategy", "no"));
        begin();
        for (int step = 0; step < 20; step++) {
            done(0, 1, step, 300);
            done(1, 1, step, 100);
        }
        workers.get(0)
                .awaitAssert(
                        Duration.ofSeconds(20),
                        () -> assertThat(terminal.toString(StandardCharsets.UTF_8))
                                .contains("warning: rank 0 computes 299 ms a step, the others 99 ms"));
        assertThat(Files.readString(output.resolve("events.jsonl")))
                .contains("\"straggler_found\"", "\"member\":\"rank 0 (pid 100 on host)\"");
    }

    private static void awaitAssign(TestProbe<WorkerCommand> worker) {
        WorkerCommand order;
        do {
            order = worker.receiveMessage();
        } while (!(order instanceof WorkerCommand.Assign));
    }

    @Test
    void shouldEndARunThatIsRolledBackAgainAndAgain() {
        form(Map.of("on_nonfinite", "rollback", "max_steps", "50", "save_strategy", "no"));
        begin();
        for (int generation = 1; generation <= 10; generation++) {
            nonfinite(generation, generation);
            held(generation, generation);
            workers.forEach(RunActorTest::awaitAssign);
            ready(0, generation + 1, 0);
            ready(1, generation + 1, 0);
        }
        nonfinite(11, 11);
        assertFailed(Category.NUMERIC, "step 12, after 10 rollbacks: grad norm is NaN");
    }

    @Test
    void shouldEndARunWhoseGradientsAreNotFiniteUnlessItIsToldOtherwise() {
        form();
        begin();
        nonfinite(1, 0);
        assertFailed(Category.NUMERIC, "step 1: grad norm is NaN", "--learning_rate", "--on_nonfinite skip");
    }

    /** Rank 1 dies between the first evaluation and the second; each rank tells of each, and once more in the next generation. */
    @Test
    void shouldHearOfEachEvaluationOnceAndAskForOneThatALossHasCostAgain() throws Exception {
        form(Map.of(
                "save_strategy",
                "no",
                "max_steps",
                "4",
                "eval_data_path",
                "e",
                "eval_strategy",
                "steps",
                "eval_steps",
                "2",
                "eval_on_start",
                "True"));
        ready(0, "same");
        ready(1, "same");
        workers.forEach(worker ->
                worker.expectMessage(new WorkerCommand.Begin(1, 0, 4, OptionalDouble.empty(), OptionalDouble.of(0))));
        evaluated(1, 0, 30);
        evaluated(1, 0, 30);
        assertEvaluating(0, 1);
        trainThrough(0, 1);
        assertEvaluating(2, 3);
        evaluated(1, 2, 20);
        trainThrough(2, 3);
        loseRank1(4);
        // What the one that is left has told before, and nobody has told of the last.
        run.tell(evaluation(0, 2, 2, 20, List.of()));
        ready(0, 2, -1);
        ready(1, 2, -1);
        workers.forEach(worker ->
                worker.expectMessage(new WorkerCommand.Begin(2, 4, 4, OptionalDouble.empty(), OptionalDouble.of(1))));
        run.tell(evaluation(0, 2, 4, 10, List.of(new WorkerReport.SampleAnswer("Who\nare you?", "I am \u001b[31m"))));
        run.tell(new WorkerReport.Finished(0, 2, 4, HASH, 0));
        run.tell(new WorkerReport.Finished(1, 2, 4, HASH, 0));
        outcome.get(20, TimeUnit.SECONDS);
        assertThat(Files.readAllLines(output.resolve("metrics.jsonl")).stream()
                        .filter(line -> line.contains("eval_loss")))
                .hasSize(3)
                .last()
                .asString()
                .contains("\"step\":4", "\"eval_loss\":1.0", "\"eval_exact_match\":0.25", "\"eval_samples\":16");
        assertThat(Files.readString(output.resolve("samples.jsonl")))
                .isEqualTo("{\"step\":4,\"prompt\":\"Who\\nare you?\",\"answer\":\"I am \\u001B[31m\"}\n");
        assertThat(terminal.toString(StandardCharsets.UTF_8))
                .containsOnlyOnce("eval step 2: loss 2.0000, perplexity 7.39, exact match 25.0 % (16 samples, 0.5 s)")
                .contains("  Who are you?", "    I am ?[31m")
                .containsPattern("on 16 held-out samples +step 0 +step 4 \\(best\\)")
                .containsPattern("perplexity +20.09 +2.72");
        assertThat(board.status().lastEvaluation().evalLoss()).isEqualTo(1);
        assertThat(registry.get(Meter.EVAL_LOSS.id()).gauge().value()).isEqualTo(1);
    }

    @Test
    void shouldBePatientWithAnEvaluationAndNotWithTheStepBehindIt() throws Exception {
        form(Map.of("max_steps", "4", "eval_data_path", "e", "eval_strategy", "steps", "eval_steps", "2"));
        ready(0, "same");
        ready(1, "same");
        workers.forEach(worker -> worker.expectMessageClass(WorkerCommand.Begin.class));
        assertEvaluating(0, 1);
        trainThrough(0, 1);
        time.timePasses(Duration.ofHours(2));
        assertThat(outcome).isNotDone();
        evaluated(1, 2, 20);
        time.timePasses(Duration.ofHours(2));
        assertFailed(Category.PEER, "no worker reported");
    }

    /** The second of three checkpoints is the best; the limit would keep the last alone. */
    @Test
    void shouldKeepTheBestCheckpointAndFinishWithIt() throws Exception {
        form(Map.of(
                "save_steps",
                "2",
                "max_steps",
                "6",
                "save_total_limit",
                "1",
                "eval_data_path",
                "e",
                "eval_strategy",
                "steps",
                "eval_steps",
                "2",
                "load_best_model_at_end",
                "True"));
        begin();
        for (long step = 2; step <= 6; step += 2) {
            workers.forEach(worker -> worker.expectMessageClass(WorkerCommand.Lease.class));
            trainThrough(step - 2, step - 1);
            evaluated(1, step, step == 4 ? 5 : 10 + step);
            if (step < 6) {
                workers.forEach(worker -> worker.expectMessageClass(WorkerCommand.Lease.class));
            }
            writeParts(step);
        }
        String best = output.resolve("checkpoint-4").toString();
        workers.forEach(worker -> {
            WorkerCommand next = worker.expectMessageClass(WorkerCommand.class);
            while (next instanceof WorkerCommand.Lease) {
                next = worker.expectMessageClass(WorkerCommand.class);
            }
            assertThat(next).isEqualTo(new WorkerCommand.Finish(1, best));
        });
        run.tell(new WorkerReport.Finished(0, 1, 6, HASH, 0));
        run.tell(new WorkerReport.Finished(1, 1, 6, HASH, 0));
        outcome.get(20, TimeUnit.SECONDS);
        assertThat(output.resolve("checkpoint-2")).doesNotExist();
        assertThat(Manifest.verify(output.resolve("checkpoint-4")).ok()).isTrue();
        assertThat(Manifest.verify(output.resolve("checkpoint-6")).ok()).isTrue();
        assertThat(terminal.toString(StandardCharsets.UTF_8))
                .contains("the best model is that of step 4 (eval loss 0.5000): it is the final one");
        assertThat(Files.readString(output.resolve("events.jsonl"))).contains("\"best_model_chosen\"", "\"step\":4");
    }

    private void assertEvaluating(long... steps) {
        for (TestProbe<WorkerCommand> worker : workers) {
            WorkerCommand.Lease lease = worker.expectMessageClass(WorkerCommand.Lease.class);
            assertThat(lease.shards().stream().mapToLong(StepShard::step).toArray())
                    .containsExactly(steps);
            assertThat(lease.evaluate()).isTrue();
        }
    }

    /** By both ranks. */
    private void evaluated(int generation, long step, double lossSum) {
        run.tell(evaluation(1, generation, step, lossSum, List.of()));
        run.tell(evaluation(0, generation, step, lossSum, List.of()));
    }

    private static WorkerReport evaluation(
            int rank, int generation, long step, double lossSum, List<WorkerReport.SampleAnswer> answers) {
        return new WorkerReport.Evaluated(rank, generation, step, 0, lossSum, 10, 16, 4, 16, 500, answers);
    }

    private void nonfinite(int generation, long step) {
        run.tell(new WorkerReport.Nonfinite(0, generation, step, "grad norm is NaN"));
        run.tell(new WorkerReport.Nonfinite(1, generation, step, "grad norm is NaN"));
    }

    private void held(int generation, long completed) {
        for (int rank = 0; rank < 2; rank++) {
            run.tell(new WorkerReport.Holding(rank, generation, "waiting for orders", 0));
            run.tell(new WorkerReport.Held(rank, generation, completed));
        }
    }

    /** The next process of a seat comes. */
    private TestProbe<WorkerCommand> replace(int seat) {
        TestProbe<WorkerCommand> next = kit.createTestProbe();
        membership().tell(new Join("0123456789abcdef", seat, 0, "host", 200 + seat, "cpu", "", 0, -1, next.getRef()));
        return next;
    }

    private ActorRef<WireMessage> membership() {
        return ActorRefResolver.get(kit.system()).resolveActorRef(control.path() + "/" + ClusterConfig.MEMBERSHIP);
    }

    private List<WorkerCommand.Assign> form() {
        return form(Map.of());
    }

    private List<WorkerCommand.Assign> form(Map<String, String> more) {
        Map<String, String> flags = new LinkedHashMap<>(
                Map.of("model_name_or_path", "m", "data_path", "d", "output_dir", output.toString(), "max_steps", "4"));
        flags.put("save_steps", "2");
        flags.put("nproc_per_node", "2");
        flags.putAll(more);
        RunConfig config = RunConfig.read(Settings.of(flags, null));
        board = new StatusBoard(RunStatus.forming("r", "m", 4, 1, 0, output.toString()));
        ledger = new RunLedger(config.ledger(), output, "0123456789abcdef", false, Map.of(), InstantSource.system());
        PrintStream out = new PrintStream(terminal, true, StandardCharsets.UTF_8);
        Announcer announcer = new Announcer(
                board, new RunMeters(registry), new Terminal(out, false, 80, System::nanoTime), System::nanoTime);
        ActorRef<RunActor.Message> actor = kit.spawn(
                RunActor.create(config, "0123456789abcdef", "", past, ledger, announcer, clock::get, outcome), "run");
        control = actor;
        for (int seat = 0; seat < 2; seat++) {
            workers.add(kit.createTestProbe());
        }
        // As real workers do: again and again, until somebody listens.
        WorkerCommand.Assign first = kit.createTestProbe().awaitAssert(Duration.ofSeconds(20), () -> {
            for (int seat = 0; seat < 2; seat++) {
                ActorRef<WorkerCommand> worker = workers.get(seat).getRef();
                membership().tell(new Join("0123456789abcdef", seat, 0, "host", 100 + seat, "cpu", "", 0, -1, worker));
            }
            return workers.get(0).expectMessageClass(WorkerCommand.Assign.class, Duration.ofMillis(300));
        });
        run = first.replyTo();
        return List.of(first, workers.get(1).expectMessageClass(WorkerCommand.Assign.class));
    }

    private RunLedger open() {
        return new RunLedger(new LedgerConfig(""), output, "0123456789abcdef", false, Map.of(), InstantSource.system());
    }

    private void ready(int rank, String fingerprint) {
        run.tell(new WorkerReport.Ready(rank, 1, 64, 640, fingerprint, 1000, 0, 64L << 20, List.of()));
    }

    private void ready(int rank, int generation, long firstStep) {
        run.tell(new WorkerReport.Ready(rank, generation, 64, 640, "same", 1000, firstStep, 64L << 20, List.of()));
    }

    /** The next order of every worker: these steps, and whether a checkpoint follows them. */
    private void assertLease(boolean save, long... steps) {
        for (TestProbe<WorkerCommand> worker : workers) {
            WorkerCommand.Lease lease = worker.expectMessageClass(WorkerCommand.Lease.class);
            assertThat(lease.shards().stream().mapToLong(StepShard::step).toArray())
                    .containsExactly(steps);
            assertThat(lease.save()).isEqualTo(save);
        }
    }

    /** Both ranks are ready and hear so. */
    private void begin() {
        ready(0, "same");
        ready(1, "same");
        workers.forEach(worker -> worker.expectMessageClass(WorkerCommand.Begin.class));
    }

    private void trainThrough(long from, long to) {
        for (long step = from; step <= to; step++) {
            for (int rank = 0; rank < 2; rank++) {
                done(rank, 1, step);
            }
        }
        kit.createTestProbe().awaitAssert(() -> {
            assertThat(board.status().step() == to + 1 || outcome.isDone()).isTrue();
            return null;
        });
    }

    private void done(int rank, int generation, long step) {
        done(rank, generation, step, 1);
    }

    private void done(int rank, int generation, long step, double millis) {
        run.tell(new StepDone(
                rank,
                generation,
                step,
                10,
                10,
                20,
                1,
                1e-3,
                new StepTimes(millis, 1, 1, 1, 1, 1, 1, 1, 0),
                Sample.wire(),
                1,
                ""));
    }

    private void writeParts(long step) {
        writeParts(1, step);
    }

    private void writeParts(int generation, long step) {
        for (int rank = 0; rank < 2; rank++) {
            run.tell(new WorkerReport.PartWritten(rank, generation, step, List.of()));
        }
    }

    private void assertFailed(Category category, String... words) {
        assertThatThrownBy(() -> outcome.get(20, TimeUnit.SECONDS))
                .isInstanceOf(ExecutionException.class)
                .cause()
                .isInstanceOfSatisfying(TuttiException.class, cause -> {
                    assertThat(cause.category()).isEqualTo(category);
                    assertThat(cause.getMessage()).contains(words);
                });
    }
}
