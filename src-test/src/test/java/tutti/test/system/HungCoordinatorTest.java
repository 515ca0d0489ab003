package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.test.support.Soak;
import tutti.test.support.TrainSpec;

/** A coordinator that lives and does nothing is killed by its agent, and the next one goes on. It takes most of a minute. */
class HungCoordinatorTest {
    private static final int STEPS = 400;

    @TempDir
    Path folder;

    @Test
    void shouldGoOnUnderTheNextCoordinator() throws Exception {
        Soak.require();
        Path data = TrainSpec.writeData(folder);
        RunOutput output = new RunOutput(folder.resolve("hung"));
        Map<String, String> flags = TrainSpec.flags(data, output.folder(), 1, 1);
        flags.put("nproc_per_node", "2");
        flags.put("max_steps", Integer.toString(STEPS));
        flags.put("save_strategy", "no");
        try (TuttiProcess run = TuttiProcess.run(folder, List.of(), Map.of("OMP_NUM_THREADS", "1"), flags)) {
            run.awaitLine("^step ");
            run.signal(run.pidOf("coordinator", -1), "STOP");
            run.awaitLine("the coordinator \\(pid \\d+\\) has stood still for 45 s; it is killed");
            run.awaitLine("^generation 2: 2 workers");
            run.succeed();
        }
        output.hash(2);
        assertThat(output.events("coordinator_restarted")).hasSize(1);
        assertThat(output.metric("step"))
                .isEqualTo(DoubleStream.iterate(1, step -> step + 1)
                        .limit(STEPS)
                        .boxed()
                        .toList());
    }
}
