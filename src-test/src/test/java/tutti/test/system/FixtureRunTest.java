package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.test.support.Ports;
import tutti.test.support.TrainSpec;

/**
 * The fixture's run by real processes. All splits are tried in process by {@code tutti.test.numeric}; here a few are enough. Two more,
 * two workers with batches of two and one worker alone, are the first run of {@link ResumeTest} and that of {@link FullDiskTest}.
 */
class FixtureRunTest {
    /** Fewer workers would have more. */
    private static final Map<String, String> THREADS = Map.of("OMP_NUM_THREADS", "1");

    @TempDir
    Path folder;

    private Path data;
    private RunOutput output;

    @BeforeEach
    void writeData() throws IOException {
        data = TrainSpec.writeData(folder);
        output = new RunOutput(folder.resolve("out"));
    }

    /** Each sample has a virtual rank of its own: as four workers in shared memory; on two nodes, over UDP in signed frames. */
    @Test
    void shouldGiveTheLossesOfPyTorchWithTheSameBitsOnOneNodeAndOnTwo() throws Exception {
        Map<String, String> flags = flags(4, 1, 1);
        flags.put("virtual_ranks", "4");
        flags.put("gradient_checkpointing", "true");
        try (TuttiProcess run = TuttiProcess.run(folder, List.of(), THREADS, flags)) {
            run.succeed();
        }
        output.assertFixture(4);

        RunOutput apart = new RunOutput(folder.resolve("apart"));
        flags.put("output_dir", apart.folder().toString());
        flags.put("secure_gradients", "True");
        runOnTwoNodes(flags);
        apart.assertFixture(2);
        assertThat(apart.event("generation_formed").get("members")).hasSize(2);
        assertThat(apart.hash(2)).isEqualTo(output.hash(4));
        assertThat(apart.folder().resolve("logs/rank-1.log")).content().contains("frames of generation 1 are signed");
    }

    @Test
    void shouldGiveTheLossesOfPyTorchOnNd4j() throws Exception {
        Map<String, String> flags = flags(1, 2, 2);
        flags.put("backend", "nd4j");
        try (TuttiProcess run = TuttiProcess.run(folder, List.of(), THREADS, flags)) {
            run.succeed();
        }
        output.assertFixture(1);
    }

    /** Gradients are rounded between nodes only, for all alike; with workers that share a node {@code ReduceDTypeTest} shows it. */
    @Test
    void shouldTrainAsFloat32DoesWhereBfloat16TravelsBetweenNodes() throws Exception {
        Map<String, String> flags = flags(1, 2, 1);
        flags.put("reduce_dtype", "bfloat16");
        flags.put("zero", "1");
        runOnTwoNodes(flags);
        RunOutput.assertClose("loss", output.metric("loss"), TrainSpec.expected("losses"), 1e-3);
        output.hash(2);
    }

    private void runOnTwoNodes(Map<String, String> flags) throws Exception {
        Map<String, String> first = new LinkedHashMap<>(flags);
        first.put("nproc_per_node", "1");
        first.put("nnodes", "2");
        first.put("node_rank", "0");
        first.put("master_addr", "127.0.0.1");
        first.put("master_port", Integer.toString(Ports.free()));
        Map<String, String> second = new LinkedHashMap<>(first);
        second.put("node_rank", "1");
        try (TuttiProcess node0 = TuttiProcess.run(folder, List.of(), THREADS, first);
                TuttiProcess node1 = TuttiProcess.run(folder, List.of(), THREADS, second)) {
            node0.succeed();
            node1.succeed();
        }
    }

    private Map<String, String> flags(int workers, int batch, int accumulation) {
        Map<String, String> flags = TrainSpec.flags(data, output.folder(), batch, accumulation);
        flags.put("nproc_per_node", Integer.toString(workers));
        flags.put("logging_steps", "1");
        return flags;
    }
}
