package tutti.coordinator.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.config.LedgerConfig;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.metrics.EvalMetrics;

/** The ledger in the output folder. */
class RunLedgerTest {
    private static final String RUN = "0123456789abcdef";

    @TempDir
    Path output;

    @Test
    void shouldTellTheNextCoordinatorWhereTheRunStands() throws Exception {
        EvalMetrics found = new EvalMetrics(10, 0.5, 1.25, Math.exp(1.25), null, 300, 1.2, 250);
        try (RunLedger ledger = open(RUN)) {
            assertThat(ledger.past()).as("nobody came so far as to start it").isEmpty();
            ledger.happened("run_started", Map.of("resume_from", "out/checkpoint-5"));
            ledger.happened("generation_formed", Map.of("generation", 1, "members", List.of("rank 0", "rank 1")));
            ledger.happened("checkpoint_committed", Map.of("folder", "out/checkpoint-10", "deleted", List.of()));
            ledger.happened("worker_lost", lostOn(1, "rank 1 (pid 7 on b)"));
            ledger.happened("worker_lost", lostOn(2, "rank 2 (pid 8 on c)"));
            ledger.happened("node_left", Map.of("generation", 1, "node", 2));
            ledger.happened("generation_formed", Map.of("generation", 2, "world_size", 3));
            ledger.happened("checkpoint_committed", Map.of("folder", "out/checkpoint-20"));
            ledger.happened("rolled_back", Map.of("step", 17));
            ledger.happened("rolled_back", Map.of("generation", 2, "step", 19));
            ledger.evaluated(found);
        }
        // Lines are for people, who may do with them what they like.
        Files.delete(output.resolve("events.jsonl"));
        Files.writeString(
                output.resolve("metrics.jsonl"), "{\"step\":21}\n{\"step\":22}\n{\"step\":30,\"eval_loss\":2}\n{\"st");

        try (RunLedger ledger = open(RUN)) {
            assertThat(ledger.past())
                    .contains(new Past(
                            "out/checkpoint-5",
                            List.of(Path.of("out/checkpoint-20"), Path.of("out/checkpoint-10")),
                            2,
                            3,
                            List.of(new Past.Loss(1, 1, "rank 1 (pid 7 on b)")),
                            19,
                            2,
                            2,
                            22,
                            List.of(found)));
            ledger.happened("run_started", Map.of("resume_from", ""));
            assertThat(ledger.past())
                    .as("started anew under the same name")
                    .contains(new Past("", List.of(), 0, 0, List.of(), 0, 0, 0, 22, List.of()));
        }
        try (RunLedger ledger = open("another-run")) {
            assertThat(ledger.past()).isEmpty();
        }
    }

    private static Map<String, Object> lostOn(int node, String member) {
        return Map.of("generation", 1, "node", node, "member", member, "losses", 1);
    }

    @Test
    void shouldLeaveNoFileBehindButTheThree() throws Exception {
        try (RunLedger ledger = open(RUN)) {
            ledger.happened("run_started", Map.of("resume_from", ""));
            ledger.beat();
        }
        try (var files = Files.list(output)) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder("ledger.mv.db", "events.jsonl", "metrics.jsonl");
        }
        assertThat(Files.size(output.resolve("ledger.mv.db"))).isLessThan(64 << 10);
        assertThat(Files.readString(output.resolve("events.jsonl")))
                .matches("\\{\"time\":\"[^\"]+Z\",\"event\":\"run_started\",\"resume_from\":\"\"}\n");
    }

    @Test
    void shouldHoldOffAnotherProcessAndLoseNothingWhenThatIsKilled() throws Exception {
        Process child = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        LedgerChild.class.getName(),
                        output.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        List<Long> told;
        try (BufferedReader lines = child.inputReader()) {
            while (!"100".equals(lines.readLine())) {
                assertThat(child.isAlive()).isTrue();
            }
            assertThatThrownBy(() -> open(RUN))
                    .isInstanceOfSatisfying(
                            TuttiException.class,
                            refusal -> assertThat(refusal.category()).isEqualTo(Category.ENVIRONMENT))
                    .hasMessageContaining("ledger.mv.db: another process has it open");
            // Of the process itself: that of Process closes what it said.
            child.toHandle().destroyForcibly();
            told = lines.lines()
                    .filter(line -> line.matches("\\d+"))
                    .map(Long::valueOf)
                    .toList();
        } finally {
            child.destroyForcibly();
        }
        assertThat(child.waitFor(20, TimeUnit.SECONDS)).isTrue();
        long last = told.isEmpty() ? 100 : told.get(told.size() - 1);
        EventTable table = EventTable.open(
                Databases.of(new LedgerConfig(""), output, Map.of()),
                LedgerChild.RUN,
                InstantSource.system(),
                Duration.ZERO,
                time -> {
                    throw new AssertionError("the kernel has let go of the file: nobody waits");
                });
        try (table) {
            List<Event> all = table.all();
            assertThat(all).hasSizeGreaterThanOrEqualTo((int) last);
            assertThat(all)
                    .extracting(Event::sequence)
                    .containsExactlyElementsOf(
                            LongStream.rangeClosed(1, all.size()).boxed().toList());
            assertThat(table.term()).isEqualTo(2);
        }
    }

    @Test
    void shouldSayWhatToDoWithADamagedFile() throws Exception {
        Files.writeString(output.resolve("ledger.mv.db"), "no database ".repeat(2000));
        assertThatThrownBy(() -> open(RUN))
                .isInstanceOf(TuttiException.class)
                .hasMessageContaining("ledger.mv.db: cannot be written (it is damaged: move it away");
    }

    @Test
    void shouldKeepEventsWhileTheDiskIsFull() throws Exception {
        Assumptions.assumeTrue(
                call("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", output.toString()) == 0,
                "skipped: no rights to mount a small disk");
        try (RunLedger ledger = open(RUN)) {
            ledger.happened("run_started", Map.of("resume_from", ""));
            for (int round = 0; round < 3; round++) {
                Path filler = fill();
                for (int i = 0; i < 20; i++) {
                    ledger.happened("worker_lost", Map.of("member", "m".repeat(400)));
                }
                Files.delete(filler);
                ledger.beat();
                assertThat(ledger.past().orElseThrow().lost()).hasSize(20 * (round + 1));
            }
        } finally {
            call("umount", output.toString());
        }
    }

    /** Until not a byte goes in any more. */
    private Path fill() throws IOException {
        Path filler = output.resolve("filler");
        try (var out = Files.newOutputStream(filler)) {
            while (true) {
                out.write(new byte[512]);
            }
        } catch (IOException e) {
            assertThat(e).hasMessageContaining("No space left");
            return filler;
        }
    }

    private RunLedger open(String run) {
        return new RunLedger(new LedgerConfig(""), output, run, true, Map.of(), InstantSource.system());
    }

    private static int call(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).inheritIO().start();
        assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
        return process.exitValue();
    }
}
