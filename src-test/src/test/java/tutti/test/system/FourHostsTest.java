package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tutti.test.support.Soak;
import tutti.test.support.TrainSpec;

/** The fixture's run on four hosts that only a network joins, two workers on the first and one on each other. */
class FourHostsTest {
    private static final int HOSTS = 4;
    private static final String WORKERS = "2,1,1,1";
    private static final int WORLD_SIZE = 5;
    /** Each host believes that all cores are its own. */
    private static final Map<String, String> ENVIRONMENT = Map.of("OMP_NUM_THREADS", "1");

    @TempDir
    Path folder;

    @Test
    void shouldGiveTheLossesOfPyTorch() throws Exception {
        RunOutput output = new RunOutput(folder.resolve("out"));
        try (Hosts hosts = Hosts.onABridge(HOSTS)) {
            run(hosts, output);
        }
        output.assertFixture(WORLD_SIZE);
    }

    @Test
    @Timeout(value = 10, unit = TimeUnit.MINUTES)
    void shouldEndWithTheSameBitsLaterWhereTheNetworkDelaysAndLosesFrames() throws Exception {
        Soak.require();
        RunOutput undisturbed = new RunOutput(folder.resolve("undisturbed"));
        RunOutput slow = new RunOutput(folder.resolve("slow"));
        try (Hosts hosts = Hosts.onABridge(HOSTS)) {
            run(hosts, undisturbed);
        }
        long lost;
        try (Hosts hosts = Hosts.onASlowSwitch(HOSTS, folder)) {
            run(hosts, slow);
            lost = hosts.slowSwitch().lost();
        }
        slow.assertFixture(WORLD_SIZE);
        assertThat(lost).as("frames that the network lost").isPositive();
        assertThat(slow.hash(WORLD_SIZE)).isEqualTo(undisturbed.hash(WORLD_SIZE));
        System.out.printf(
                "a step takes %.0f ms on the slow network, %.0f ms without%n",
                mean(slow.metric("step_ms")), mean(undisturbed.metric("step_ms")));
        // Token counts travel once, then gradients there and back.
        assertThat(slow.metric("step_ms")).allMatch(ms -> ms >= 3 * SlowSwitch.DELAY_MS);
    }

    private static double mean(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
    }

    /** One agent on each host; all must end in order. */
    private void run(Hosts hosts, RunOutput output) throws Exception {
        long start = System.nanoTime();
        Map<String, String> flags = TrainSpec.flags(TrainSpec.writeDataForOneMore(folder), output.folder(), 1, 1);
        flags.put("nnodes", Integer.toString(HOSTS));
        flags.put("nproc_per_node", WORKERS);
        flags.put("master_addr", hosts.address(0));
        List<TuttiProcess> nodes = new ArrayList<>();
        try {
            for (int host = 0; host < HOSTS; host++) {
                flags.put("node_rank", Integer.toString(host));
                nodes.add(TuttiProcess.run(folder, hosts.on(host), ENVIRONMENT, flags));
            }
            for (TuttiProcess node : nodes) {
                node.succeed();
            }
        } finally {
            nodes.forEach(TuttiProcess::close);
        }
        System.out.printf(
                "four hosts: %.1f s%n",
                Duration.ofNanos(System.nanoTime() - start).toMillis() / 1e3);
        assertThat(Files.readString(output.folder().resolve("events.jsonl")))
                .contains("on %s)".formatted(hosts.address(HOSTS - 1)));
    }
}
