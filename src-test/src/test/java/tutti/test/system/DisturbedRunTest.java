package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.test.support.Ports;
import tutti.test.support.Soak;
import tutti.test.support.TrainSpec;

/** What disturbs a run without breaking it: it is told, and leaves no trace in the bits. */
class DisturbedRunTest {
    private static final int WORLD_SIZE = 3;
    private static final int STEPS = Soak.wanted() ? 1500 : 120;
    /** Lines that an agent may spend on thousands of stray datagrams. */
    private static final int FEW = 20;

    private static final Duration REPORTED_WITHIN = Duration.ofSeconds(10);
    private static final long RUN_ID = 0x0123456789abcdefL;

    /** One thread each, so that workers compute alike however many share a node. */
    private static final Map<String, String> ENVIRONMENT =
            Map.of("OMP_NUM_THREADS", "1", "TUTTI_RUN_ID", "%016x".formatted(RUN_ID));

    @TempDir
    static Path folder;

    private static Path data;
    private static String undisturbed;

    @BeforeAll
    static void runUndisturbed() throws Exception {
        data = TrainSpec.writeData(folder);
        RunOutput output = new RunOutput(folder.resolve("undisturbed"));
        try (TuttiProcess run = TuttiProcess.run(folder, List.of(), ENVIRONMENT, flags(output))) {
            run.succeed();
        }
        undisturbed = output.hash(WORLD_SIZE);
    }

    @Test
    void shouldSayWhichRankStandsStillAndGoOnWithTheSameBits() throws Exception {
        RunOutput output = new RunOutput(folder.resolve("stopped"));
        try (TuttiProcess run = TuttiProcess.run(folder, List.of(), ENVIRONMENT, flags(output))) {
            run.awaitLine("^step \\d+/");
            long worker = run.pidOf("worker", 2);
            run.signal(worker, "STOP");
            long stopped = System.nanoTime();
            for (int rank = 0; rank < 2; rank++) {
                run.awaitLine(
                        "^\\[rank %d] .*all-\\w+ '.*' .*no progress for .* on rank %d \\(127\\.0\\.0\\.1\\), which waits for "
                                        .formatted(rank, rank)
                                + "rank 2 \\(127\\.0\\.0\\.1\\): received \\d+ of \\d+ bytes");
            }
            Duration reported = Duration.ofNanos(System.nanoTime() - stopped);
            System.out.printf("both others reported a stopped rank within %.1f s%n", reported.toMillis() / 1e3);
            assertThat(reported).isLessThan(REPORTED_WITHIN);
            run.signal(worker, "CONT");
            run.succeed();
        }
        assertThat(output.hash(WORLD_SIZE)).isEqualTo(undisturbed);
        assertThat(output.events("collective_stalled"))
                .extracting(event -> event.get("rank").asInt())
                .contains(0, 1);
    }

    @Test
    void shouldDropAndCountWhatAStrayerSendsToTheGradientEndpoints() throws Exception {
        RunOutput output = new RunOutput(folder.resolve("stray"));
        Map<String, String> flags = flags(output);
        flags.put("nnodes", "2");
        flags.put("nproc_per_node", "2,1");
        flags.put("master_port", Integer.toString(Ports.free()));
        Map<String, String> second = new TreeMap<>(flags);
        second.put("node_rank", "1");
        try (TuttiProcess node0 = TuttiProcess.run(folder, List.of(), ENVIRONMENT, flags);
                TuttiProcess node1 = TuttiProcess.run(folder, List.of(), ENVIRONMENT, second)) {
            node0.awaitLine("^step \\d+/");
            long start = System.nanoTime();
            Map<Integer, List<Integer>> ports = Map.of(0, udpPorts(node0), 1, udpPorts(node0), 2, udpPorts(node1));
            try (StraySender stray = new StraySender(ports, RUN_ID, folder)) {
                node0.succeed();
                node1.succeed();
                assertThat(node0.lines())
                        .filteredOn(line -> line.contains("media driver"))
                        .hasSizeBetween(1, FEW);
                System.out.printf(
                        "a strayer sent %d datagrams in %.1f s%n", stray.sent(), (System.nanoTime() - start) / 1e9);
            }
        }
        assertThat(output.hash(WORLD_SIZE)).isEqualTo(undisturbed);
        for (int rank = 0; rank < WORLD_SIZE; rank++) {
            assertThat(Files.readString(output.folder().resolve("logs/rank-%d.log".formatted(rank))))
                    .as("log of rank " + rank)
                    .containsPattern("frames dropped: MALFORMED=\\d+ BAD_CHECKSUM=\\d+ WRONG_RUN=\\d+ "
                            + "WRONG_GENERATION=\\d+ PAST_COLLECTIVE=\\d+");
        }
    }

    /** Of the sockets of an agent, whose media driver has all of the node's. */
    private static List<Integer> udpPorts(TuttiProcess agent) throws IOException {
        Path proc = Path.of("/proc", Long.toString(agent.pid()));
        List<String> sockets;
        try (var files = Files.list(proc.resolve("fd"))) {
            sockets = files.map(DisturbedRunTest::target)
                    .filter(name -> name.startsWith("socket:"))
                    .map(name -> name.replaceAll("\\D", ""))
                    .toList();
        }
        return Files.readAllLines(proc.resolve("net/udp")).stream()
                .map(line -> line.strip().split("\\s+"))
                .filter(fields -> fields.length > 9 && sockets.contains(fields[9]))
                .map(fields -> Integer.parseInt(fields[1].substring(fields[1].indexOf(':') + 1), 16))
                .toList();
    }

    private static String target(Path link) {
        try {
            return Files.readSymbolicLink(link).toString();
        } catch (IOException e) {
            // Closed since it was listed.
            return "";
        }
    }

    private static Map<String, String> flags(RunOutput output) {
        Map<String, String> flags = TrainSpec.flags(data, output.folder(), 1, 1);
        flags.put("nproc_per_node", Integer.toString(WORLD_SIZE));
        flags.put("max_steps", Integer.toString(STEPS));
        return flags;
    }
}
