package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.error.Category;
import tutti.test.support.Shared;
import tutti.test.support.TrainSpec;

/** {@code --packing} by real processes; what it computes {@code tutti.test.numeric} shows. */
class PackingRunTest {
    /** One worker would have the threads of two. */
    private static final Map<String, String> THREADS = Map.of("OMP_NUM_THREADS", "1");

    @TempDir
    Path folder;

    @Test
    void shouldEndWithTheSameBitsOnOneWorkerAndOnTwoAndGoOnWithTheSamePacksOnly() throws Exception {
        RunOutput two = run("two", 2);
        RunOutput one = run("one", 1);
        assertThat(one.hash(1)).isEqualTo(two.hash(2));
        assertThat(one.metric("loss")).isEqualTo(two.metric("loss"));
        assertThat(one.metric("tokens")).as("of all samples").isEqualTo(two.metric("tokens"));

        Map<String, String> flags = flags(one, 1);
        flags.put("resume_from_checkpoint", one.folder().resolve("checkpoint-4").toString());
        flags.put("packing", "False");
        try (TuttiProcess run = TuttiProcess.run(folder, List.of(), THREADS, flags)) {
            assertThat(run.exitCode()).isEqualTo(Category.USER.exitCode());
            assertThat(run.text()).contains("it was trained on other data", "--packing");
            run.assertLeftNothing();
        }
    }

    private RunOutput run(String name, int workers) throws Exception {
        RunOutput output = new RunOutput(folder.resolve(name));
        try (TuttiProcess run = TuttiProcess.run(folder, List.of(), THREADS, flags(output, workers))) {
            run.succeed();
            assertThat(run.text())
                    .containsPattern("packing: [\\d,]+ samples in [\\d,]+ packs of 256 tokens, \\d\\d\\.\\d % full");
        }
        return output;
    }

    private static Map<String, String> flags(RunOutput output, int workers) {
        Map<String, String> flags = new LinkedHashMap<>();
        flags.put("nproc_per_node", Integer.toString(workers));
        flags.put("virtual_ranks", "2");
        flags.put("packing", "True");
        flags.put("model_name_or_path", TrainSpec.model().toString());
        flags.put("data_path", Shared.path("data/dummy_conversation.json").toString());
        flags.put("output_dir", output.folder().toString());
        flags.put("model_max_length", "256");
        flags.put("per_device_train_batch_size", "2");
        flags.put("max_steps", "6");
        flags.put("logging_steps", "1");
        flags.put("save_strategy", "steps");
        flags.put("save_steps", "4");
        return flags;
    }
}
