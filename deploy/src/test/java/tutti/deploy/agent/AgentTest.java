package tutti.deploy.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.error.Category;

/** Real processes: an agent, a coordinator and workers that do as they are told. */
class AgentTest {
    private static final long DEADLINE_SECONDS = 20;

    @TempDir
    Path temp;

    private Path out;
    private Path pids;
    private Process agent;
    /** How long workers may take to leave by themselves. */
    private long leaveSeconds = FakeAgent.LITTLE.leave().toSeconds();

    @BeforeEach
    void makeFolders() throws IOException {
        out = temp.resolve("out");
        pids = Files.createDirectory(temp.resolve("pids"));
    }

    @AfterEach
    void shouldLeaveNoProcessAndNoSharedMemory() throws Exception {
        try (Stream<Path> files = Files.list(pids)) {
            for (Path file :
                    files.filter(one -> !one.toString().endsWith(".half")).toList()) {
                long pid = Long.parseLong(Files.readString(file));
                await("process " + file.getFileName() + " is gone", () -> !isAlive(pid));
            }
        } finally {
            if (agent != null) {
                agent.destroyForcibly();
                await("the folder in /dev/shm is gone", () -> sharedMemory().isEmpty());
            }
        }
    }

    @Test
    void shouldEndWithTheCoordinatorAndKeepEveryWorkersLines() throws Exception {
        start(
                "say:from_the_coordinator after:rank-0 after:rank-1 sleep:300 exit:0",
                "say:first say:second wait",
                "say:other exit:0");

        assertThat(exitCode()).isZero();
        assertThat(stdout())
                .contains("from the coordinator\n", "[rank 0] first\n[rank 0] second\n", "[rank 1] other\n");
        assertThat(stderr()).isEmpty();
        assertThat(out.resolve("logs/rank-0.log")).hasContent("first\nsecond");
        assertThat(out.resolve("logs/rank-1.log")).hasContent("other");
        assertThat(out.resolve("run.json")).content().contains("\"learning_rate\" : \"2e-5\"");
    }

    @Test
    void shouldTellEachChildItsSeat() throws Exception {
        String shared = "env:MASTER_PORT env:TUTTI_RUN_ID env:TUTTI_CONSOLE_TOKEN env:PGPASSWORD ";
        String worker =
                shared + "env:RANK env:LOCAL_RANK env:WORLD_SIZE env:LOCAL_WORLD_SIZE env:OMP_NUM_THREADS exit:0";
        start(shared + "env:TUTTI_PROGRESS after:rank-0 after:rank-1 exit:0", worker, worker);

        assertThat(exitCode()).isZero();
        String all = stdout();
        String port = valueOf("MASTER_PORT", all);
        String run = valueOf("TUTTI_RUN_ID", all);
        assertThat(port).matches("[1-9][0-9]+");
        assertThat(run).matches("[0-9a-f]{16}");
        assertThat(valueOf("TUTTI_CONSOLE_TOKEN", all)).matches("[A-Za-z0-9_-]{43}");
        assertThat(all).contains("TUTTI_PROGRESS=plain", "PGPASSWORD=of-the-ledger");
        int threads = Math.max(1, Runtime.getRuntime().availableProcessors() / 2);
        assertThat(out.resolve("logs/rank-1.log"))
                .content()
                .contains(
                        "MASTER_PORT=" + port,
                        "TUTTI_RUN_ID=" + run,
                        "TUTTI_CONSOLE_TOKEN=null",
                        "PGPASSWORD=null",
                        "RANK=1")
                .contains("LOCAL_RANK=1", "WORLD_SIZE=2", "LOCAL_WORLD_SIZE=2", "OMP_NUM_THREADS=" + threads);
        assertThat(out.resolve("run.json")).content().doesNotContain(valueOf("TUTTI_CONSOLE_TOKEN", all));
    }

    @Test
    void shouldPassTheCoordinatorsBytesUnchanged() throws Exception {
        leaveSeconds = 1;
        start("raw:10%CR20%CR sleep:200 raw:30% exit:0", "wait");

        assertThat(exitCode()).isZero();
        assertThat(stdout()).endsWith("10%\r20%\r30%");
    }

    @Test
    void shouldStartAWorkerAgainThatIsKilled() throws Exception {
        startWith(List.of("--max_restarts=1"), "after:go exit:0", "wait", "env:RANK wait");
        long pid = pid("rank-1");
        await("its line is there", () -> said("[rank 1] RANK=1"));
        Files.delete(pids.resolve("rank-1"));
        ProcessHandle.of(pid).orElseThrow().destroyForcibly();
        assertThat(pid("rank-1")).as("another process").isNotEqualTo(pid);

        Files.writeString(pids.resolve("go"), "0");
        assertThat(exitCode()).isZero();
        assertThat(stdout())
                .contains("worker rank 1 (pid %d) on ".formatted(pid), "started again (1 of --max_restarts 1)");
        assertThat(out.resolve("logs/rank-1.log"))
                .as("what the first one had to say, too")
                .hasContent("RANK=1\nRANK=1");
    }

    @Test
    void shouldNameTheFirstLossWhenAWorkerIsKilledAgainAndAgain() throws Exception {
        startWith(List.of("--max_restarts=1"), "wait", "wait", "wait");
        long first = pid("rank-1");
        Files.delete(pids.resolve("rank-1"));
        ProcessHandle.of(first).orElseThrow().destroyForcibly();
        long second = pid("rank-1");
        ProcessHandle.of(second).orElseThrow().destroyForcibly();

        assertThat(exitCode()).isEqualTo(Category.PEER.exitCode());
        assertThat(stderr())
                .contains("tutti: error: worker rank 1 (pid %d) on ".formatted(second))
                .contains("1 workers were started again before, the first: worker rank 1 (pid %d)".formatted(first));
    }

    /** As by the kernel that has run out of memory. */
    @Test
    void shouldCountWorkersThatFallTogetherOnce() throws Exception {
        startWith(List.of("--max_restarts=1"), "after:go exit:0", "wait", "wait");
        List<Long> first = List.of(pid("rank-0"), pid("rank-1"));
        Files.delete(pids.resolve("rank-0"));
        Files.delete(pids.resolve("rank-1"));
        first.forEach(pid -> ProcessHandle.of(pid).orElseThrow().destroyForcibly());
        assertThat(List.of(pid("rank-0"), pid("rank-1"))).doesNotContainAnyElementsOf(first);

        Files.writeString(pids.resolve("go"), "0");
        assertThat(exitCode()).isZero();
        assertThat(stdout())
                .contains("worker rank 0 (pid %d) on ".formatted(first.get(0)))
                .contains("worker rank 1 (pid %d) on ".formatted(first.get(1)))
                .doesNotContain("(2 of --max_restarts");
    }

    @Test
    void shouldNameTheSignalWhenAWorkerIsKilled() throws Exception {
        startWith(List.of("--max_restarts=0"), "wait", "wait", "wait");
        long pid = pid("rank-1");
        ProcessHandle.of(pid).orElseThrow().destroyForcibly();

        assertThat(exitCode()).isEqualTo(Category.PEER.exitCode());
        assertThat(stderr())
                .startsWith("tutti: error: worker rank 1 (pid %d) on ".formatted(pid))
                .containsPattern("was killed by signal 9 \\(often out of memory"
                        + "(: it held [\\d,]+ MiB, and [\\d,]+ MiB of this machine's were free)?\\); its log: "
                        + out.resolve("logs/rank-1.log") + "\n")
                .hasLineCount(1);
    }

    @Test
    void shouldLetTheCoordinatorSayWhyAWorkerEnded() throws Exception {
        start("after:rank-0 sleep:700 exit:6", "after:coordinator exit:1");

        assertThat(exitCode()).isEqualTo(6);
        assertThat(stderr()).isEmpty();
    }

    @Test
    void shouldPassOnTheCoordinatorsCodeAndStopTheWorkers() throws Exception {
        leaveSeconds = 1;
        start("after:rank-1 exit:3", "wait", "wait");

        assertThat(exitCode()).isEqualTo(3);
    }

    @Test
    void shouldNotWaitLongForAWorkerForWhichTheRunWasGivenUp() throws Exception {
        leaveSeconds = 2 * DEADLINE_SECONDS;
        start("after:rank-0 exit:" + Category.PEER.exitCode(), "wait");

        assertThat(exitCode()).isEqualTo(Category.PEER.exitCode());
    }

    @Test
    void shouldReportACoordinatorThatWasKilled() throws Exception {
        // Workers that nobody is left to release are not waited for like released ones.
        leaveSeconds = 2 * DEADLINE_SECONDS;
        startWith(List.of("--max_restarts=0"), "wait", "wait");
        pid("rank-0");
        ProcessHandle.of(pid("coordinator")).orElseThrow().destroyForcibly();

        assertThat(exitCode()).isEqualTo(Category.PEER.exitCode());
        assertThat(stderr())
                .contains("the coordinator (pid ", "was killed by signal 9")
                .hasLineCount(1);
    }

    @Test
    void shouldKillWorkersThatIgnoreSigterm() throws Exception {
        leaveSeconds = 1;
        start("after:rank-0 exit:0", "stubborn wait");

        assertThat(exitCode()).isZero();
    }

    @Test
    void shouldTakeAllChildrenAlongWhenTheAgentIsKilled() throws Exception {
        start("wait", "wait", "stubborn wait");
        pid("coordinator");
        pid("rank-0");
        pid("rank-1");
        assertThat(sharedMemory()).hasSize(1);

        agent.destroyForcibly();
        // The rest is checked after every test.
        assertThat(exitCode()).isEqualTo(137);
    }

    @Test
    void shouldEndCleanlyOnSigterm() throws Exception {
        start("wait", "wait", "stubborn wait");
        pid("coordinator");
        pid("rank-0");
        pid("rank-1");
        agent.toHandle().destroy();

        assertThat(exitCode()).isEqualTo(143);
        assertThat(stderr()).isEmpty();
        assertThat(sharedMemory()).isEmpty();
    }

    @Test
    void shouldEndCleanlyOnCtrlC() throws Exception {
        start("wait", "wait");
        pid("coordinator");
        pid("rank-0");
        new ProcessBuilder("kill", "-INT", Long.toString(agent.pid())).start().waitFor(5, TimeUnit.SECONDS);

        assertThat(exitCode()).isEqualTo(130);
        assertThat(stderr()).isEmpty();
        assertThat(sharedMemory()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"TERM", "USR1"})
    void shouldTellTheCoordinatorToMakeRoomAndEndWithItsCode(String signal) throws Exception {
        startWith(List.of("--preemption_grace_seconds=60"), "told say:saved exit:75", "after:gone exit:0");
        pid("coordinator");
        pid("rank-0");
        signal(signal);
        await("the coordinator is told", () -> said("saved\n"));
        Files.writeString(pids.resolve("gone"), "0");

        assertThat(exitCode()).isEqualTo(Category.PREEMPTED.exitCode());
        assertThat(stdout()).contains("tutti: note: told to leave", "--preemption_grace_seconds 60");
        assertThat(stderr()).isEmpty();
    }

    @Test
    void shouldTellTheWorkersOfALaterNodeToMakeRoom() throws Exception {
        startWith(
                List.of("--nnodes=2", "--node_rank=1", "--preemption_grace_seconds=60"),
                "unused",
                "told exit:75",
                "told exit:75");
        pid("rank-2");
        pid("rank-3");
        signal("TERM");

        assertThat(exitCode()).isEqualTo(Category.PREEMPTED.exitCode());
        assertThat(stderr()).isEmpty();
    }

    @Test
    void shouldStopEverythingWhenTheGraceIsOver() throws Exception {
        startWith(List.of("--preemption_grace_seconds=1"), "wait", "wait");
        pid("coordinator");
        pid("rank-0");
        signal("TERM");

        assertThat(exitCode()).isEqualTo(143);
        assertThat(stderr())
                .contains("not ended within --preemption_grace_seconds 1")
                .hasLineCount(1);
    }

    @Test
    void shouldEndAtOnceAtASecondSignal() throws Exception {
        startWith(List.of("--preemption_grace_seconds=3600"), "wait", "wait");
        pid("coordinator");
        pid("rank-0");
        signal("USR1");
        await("the first one is heard", () -> said("told to leave"));
        signal("USR1");

        assertThat(exitCode()).isEqualTo(143);
        assertThat(stderr()).isEmpty();
    }

    @Test
    void shouldStartOnlyWorkersOnALaterNode() throws Exception {
        startWith(
                List.of("--nnodes=2", "--node_rank=1", "--master_port=29511"),
                "unused",
                "env:RANK env:MASTER_PORT exit:0");

        assertThat(exitCode()).isZero();
        assertThat(stdout()).isEqualTo("[rank 1] RANK=1\n[rank 1] MASTER_PORT=29511\n");
        assertThat(out.resolve("run.json")).doesNotExist();
        assertThat(out.resolve("logs/node-1.json")).exists();
        assertThat(pids.resolve("coordinator")).doesNotExist();
    }

    @Test
    void shouldPassOnAWorkersOwnCodeOnALaterNode() throws Exception {
        startWith(List.of("--nnodes=2", "--node_rank=1"), "unused", "sleep:100 exit:3");

        assertThat(exitCode()).isEqualTo(3);
        assertThat(stderr()).contains("worker rank 1 ", "ended with code 3 before the run was over");
    }

    @Test
    void shouldBlameTheWorkerThatHasACauseOfItsOwn() throws Exception {
        startWith(List.of("--nnodes=2", "--node_rank=1"), "unused", "after:rank-3 exit:5", "sleep:300 exit:3");

        assertThat(exitCode()).isEqualTo(3);
        assertThat(stderr()).contains("worker rank 3 ", "ended with code 3").hasLineCount(1);
    }

    @Test
    void shouldRefuseASecondRunInTheSameFolder() throws Exception {
        start("after:go exit:0", "exit:0");
        pid("coordinator");
        Path said = temp.resolve("second");
        Process second = new ProcessBuilder(FakeAgent.java(FakeAgent.class, flags(1, "--overwrite_output_dir=true")))
                .redirectErrorStream(true)
                .redirectOutput(said.toFile())
                .start();
        try {
            assertThat(second.waitFor(DEADLINE_SECONDS, TimeUnit.SECONDS)).isTrue();
        } finally {
            second.destroyForcibly();
        }

        assertThat(said)
                .content()
                .contains(
                        "--output_dir %s: another run is using it (its agent has pid %d)".formatted(out, agent.pid()));
        assertThat(out.resolve("run.json")).exists();
        assertThat(agent.isAlive()).isTrue();
        Files.writeString(pids.resolve("go"), "0");
        assertThat(exitCode()).isZero();
        assertThat(out.resolve(".lock")).doesNotExist();
    }

    private void start(String coordinator, String... workers) throws IOException {
        startWith(List.of(), coordinator, workers);
    }

    private void startWith(List<String> flags, String coordinator, String... workers) throws IOException {
        List<String> args = new ArrayList<>(flags(workers.length, flags.toArray(String[]::new)));
        args.add(coordinator);
        args.addAll(List.of(workers));
        ProcessBuilder builder = new ProcessBuilder(FakeAgent.java(FakeAgent.class, args))
                .redirectOutput(temp.resolve("stdout").toFile())
                .redirectError(temp.resolve("stderr").toFile());
        builder.environment().put("FAKE_PIDS", pids.toString());
        builder.environment().put("FAKE_LEAVE_SECONDS", Long.toString(leaveSeconds));
        builder.environment().keySet().removeAll(List.of("OMP_NUM_THREADS", "TUTTI_RUN_ID", "TUTTI_CONSOLE_TOKEN"));
        builder.environment().put("PGPASSWORD", "of-the-ledger");
        agent = builder.start();
    }

    private List<String> flags(int workers, String... more) {
        List<String> flags = new ArrayList<>(List.of(
                "--model_name_or_path=" + temp,
                "--data_path=data.json",
                "--learning_rate=2e-5",
                "--output_dir=" + out,
                "--nproc_per_node=" + workers));
        flags.addAll(List.of(more));
        return flags;
    }

    private void signal(String name) throws Exception {
        Process kill = new ProcessBuilder("kill", "-" + name, Long.toString(agent.pid())).start();
        assertThat(kill.waitFor(5, TimeUnit.SECONDS)).isTrue();
    }

    private boolean said(String text) {
        try {
            return stdout().contains(text);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private int exitCode() throws InterruptedException {
        assertThat(agent.waitFor(DEADLINE_SECONDS, TimeUnit.SECONDS))
                .as("the agent ends")
                .isTrue();
        return agent.exitValue();
    }

    /** Waits until that child is up. */
    private long pid(String child) throws Exception {
        Path file = pids.resolve(child);
        await(child + " is up", () -> Files.exists(file));
        return Long.parseLong(Files.readString(file));
    }

    private String stdout() throws IOException {
        return Files.readString(temp.resolve("stdout"));
    }

    private String stderr() throws IOException {
        return Files.readString(temp.resolve("stderr"));
    }

    private List<String> sharedMemory() {
        String[] names = AeronFolders.SHARED_MEMORY
                .toFile()
                .list((folder, name) -> name.startsWith("tutti-" + agent.pid() + "-"));
        return names == null ? List.of() : List.of(names);
    }

    private static boolean isAlive(long pid) {
        return ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false);
    }

    private static String valueOf(String name, String text) {
        return text.lines()
                .filter(line -> line.startsWith(name + "="))
                .map(line -> line.substring(name.length() + 1))
                .findFirst()
                .orElseThrow();
    }

    private static void await(String what, BooleanSupplier condition) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(DEADLINE_SECONDS);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("deadline: " + what).isLessThan(end);
            Thread.sleep(20);
        }
    }
}
