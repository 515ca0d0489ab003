package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.checkpoint.Checkpoints;
import tutti.common.error.Category;
import tutti.test.support.Ports;
import tutti.test.support.Shared;
import tutti.test.support.Soak;
import tutti.test.support.TrainSpec;

/** {@code --nnodes MIN:MAX}: a node comes late, is lost, and comes back; the bits are those of a run in which nothing happened. */
class ElasticTest {
    private static final Map<String, String> ENVIRONMENT = Map.of("OMP_NUM_THREADS", "1");

    @TempDir
    Path folder;

    /** With whole state in memory, and with shards of it, which begin from a checkpoint where their number changes. */
    @ParameterizedTest(name = "--zero {0}")
    @ValueSource(ints = {0, 1})
    void shouldTrainOnWithTheNodesThatAreHere(int zero) throws Exception {
        // Two minutes each; the simulation has both many times.
        Assumptions.assumeTrue(zero > 0 || Soak.wanted(), "skipped: -Dtutti.soak=true runs it with --zero 0, too");
        RunOutput output = new RunOutput(folder.resolve("elastic"));
        // So many that it is still there when all has happened.
        Map<String, String> flags = flags(output, zero, 100_000);
        flags.put("nnodes", "1:2");
        flags.put("master_port", Integer.toString(Ports.free()));
        flags.put("rdzv_last_call", "1");
        Map<String, String> second = new TreeMap<>(flags);
        second.put("node_rank", "1");
        try (TuttiProcess node0 = run(flags)) {
            node0.awaitLine("^plan: .*; 1 workers");
            try (TuttiProcess late = run(second)) {
                awaitSteps(node0, 2, 2);
                late.signal(late.pid(), "KILL");
                node0.awaitLine("^node 1 is not here: training goes on with 1 workers instead of 2");
            }
            awaitSteps(node0, 3, 1);
            try (TuttiProcess back = run(second)) {
                awaitSteps(node0, 4, 2);
                // As a scheduler sends it: to every process of the group.
                for (long pid : node0.pids()) {
                    node0.signal(pid, "TERM");
                }
                assertThat(node0.exitCode(Duration.ofMinutes(1))).isEqualTo(Category.PREEMPTED.exitCode());
                assertThat(back.exitCode(Duration.ofMinutes(1))).isEqualTo(Category.PREEMPTED.exitCode());
                node0.assertLeftNothing();
                back.assertLeftNothing();
                node0.awaitLine("^tutti: note: preempted after step (\\d+), checkpoint-\\1 is committed");
            }
        }
        assertThat(output.events("node_left")).hasSize(1);

        long steps = output.event("run_preempted").get("step").asLong();
        Checkpoints.Newest newest = Checkpoints.newest(output.folder());
        assertThat(newest.checkpoint().orElseThrow().step()).isEqualTo(steps);
        assertThat(newest.skipped()).isEmpty();
        RunOutput undisturbed = new RunOutput(folder.resolve("undisturbed"));
        Map<String, String> same = flags(undisturbed, 0, steps);
        same.put("nproc_per_node", "2");
        try (TuttiProcess run = run(same)) {
            run.succeed();
        }
        assertThat(output.metric("step")).as("a line a step").isEqualTo(undisturbed.metric("step"));
        assertThat(output.metric("loss")).isEqualTo(undisturbed.metric("loss"));
        assertThat(output.metric("grad_norm")).isEqualTo(undisturbed.metric("grad_norm"));
        assertThat(output.metric("world_size")).contains(1.0, 2.0);
        Path checkpoint = output.folder().resolve("checkpoint-%d/model.safetensors".formatted(steps));
        assertThat(Files.mismatch(checkpoint, undisturbed.folder().resolve("model.safetensors")))
                .as("first byte in which the models differ")
                .isEqualTo(-1);
    }

    private TuttiProcess run(Map<String, String> flags) {
        return TuttiProcess.run(folder, List.of(), ENVIRONMENT, flags);
    }

    private static void awaitSteps(TuttiProcess run, int generation, int workers) throws InterruptedException {
        run.awaitLines(List.of("^generation %d: %d workers".formatted(generation, workers), "^step "));
    }

    private static Map<String, String> flags(RunOutput output, int zero, long steps) {
        Map<String, String> flags = new LinkedHashMap<>();
        flags.put("virtual_ranks", "4");
        flags.put("model_name_or_path", TrainSpec.model().toString());
        flags.put("data_path", Shared.path("data/dummy_conversation.json").toString());
        flags.put("output_dir", output.folder().toString());
        flags.put("model_max_length", "256");
        flags.put("per_device_train_batch_size", "1");
        flags.put("learning_rate", "1e-3");
        flags.put("lr_scheduler_type", "constant");
        flags.put("max_steps", Long.toString(steps));
        flags.put("save_strategy", "no");
        flags.put("zero", Integer.toString(zero));
        flags.put("bucket_cap_mb", "0.2");
        flags.put("allreduce_timeout", "5");
        return flags;
    }
}
