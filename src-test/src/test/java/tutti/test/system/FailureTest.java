package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.checkpoint.SafetensorsFile;
import tutti.common.error.Category;
import tutti.test.support.TrainSpec;

/**
 * What breaks while a run is running. Whatever it is, the run ends soon, says why, and leaves nothing behind. An agent that is killed is
 * in {@link ResumeTest}, a SIGTERM to all processes at the end of {@link ElasticTest}.
 */
class FailureTest {
    /** On an idle machine it is below 20 seconds; this one may be busy with other things. */
    private static final Duration SOON = Duration.ofSeconds(90);

    @TempDir
    Path folder;

    private TuttiProcess run;

    @AfterEach
    void end() {
        if (run != null) {
            run.close();
        }
    }

    @Test
    void shouldEndAndNameTheWorkerThatWasKilled() throws Exception {
        Map<String, String> flags = flags();
        flags.put("max_restarts", "0");
        startAndAwaitASecondStep(flags);
        long worker = run.pidOf("worker", 1);
        long before = System.nanoTime();
        run.signal(worker, "KILL");

        assertThat(run.exitCode(SOON)).isEqualTo(Category.PEER.exitCode());
        System.out.printf("a killed worker ended the run within %.1f s%n", (System.nanoTime() - before) / 1e9);
        assertThat(run.errors())
                .as(run::text)
                .anySatisfy(line -> assertThat(line).contains("rank 1", "pid " + worker, "signal 9", "rank-1.log"));
        run.assertLeftNothing(SOON);
    }

    @Test
    void shouldEndAndLeaveTheLastCollectivesWhenAWorkerHangs() throws Exception {
        Map<String, String> flags = flags();
        flags.put("allreduce_timeout", "3");
        flags.put("max_restarts", "0");
        startAndAwaitASecondStep(flags);
        run.signal(run.pidOf("worker", 1), "STOP");

        assertThat(run.exitCode(SOON)).as(run::text).isEqualTo(Category.PEER.exitCode());
        Path file = folder.resolve("out/logs/rank-0-collectives.jsonl");
        assertThat(run.errors())
                .as(run::text)
                .anySatisfy(line -> assertThat(line).contains("waits for rank 1", "[last collectives: " + file + "]"));
        List<JsonNode> lines = new RunOutput(folder.resolve("out")).jsonLines("logs/rank-0-collectives.jsonl");
        assertThat(lines.size()).isBetween(8, 1000);
        JsonNode failed = lines.get(lines.size() - 1);
        assertThat(failed.get("state").asText()).isEqualTo("failed");
        assertThat(failed.get("error").asText()).contains(failed.get("name").asText(), "waits for rank 1");
        assertThat(lines.get(0).get("state").asText()).isEqualTo("done");
        run.assertLeftNothing(SOON);
    }

    @Test
    void shouldEndAndNameTheCoordinatorThatWasKilled() throws Exception {
        Map<String, String> flags = flags();
        flags.put("nproc_per_node", "1");
        flags.put("max_restarts", "0");
        startAndAwaitASecondStep(flags);
        long coordinator = run.pidOf("coordinator", -1);
        run.signal(coordinator, "KILL");

        assertThat(run.exitCode(SOON)).isEqualTo(Category.PEER.exitCode());
        assertThat(run.errors())
                .as(run::text)
                .anySatisfy(line -> assertThat(line).contains("the coordinator", "pid " + coordinator, "signal 9"));
        run.assertLeftNothing(SOON);
    }

    @Test
    void shouldEndEverythingOnCtrlC() throws Exception {
        Map<String, String> flags = flags();
        flags.put("nproc_per_node", "1");
        startAndAwaitASecondStep(flags);
        run.signal("INT");

        assertThat(run.exitCode(SOON)).as(run::text).isEqualTo(130);
        run.assertLeftNothing(SOON);
    }

    @Test
    void shouldStopBeforeTheOptimizerAndNameStepAndTensorWhenTheGradientIsNotFinite() throws Exception {
        Map<String, String> flags = flags();
        flags.put("nproc_per_node", "1");
        flags.put("learning_rate", "1e30");
        run = TuttiProcess.run(folder, flags);

        Refusal.assertEnd(run, Category.NUMERIC, "step 2:", "not finite", "model.", ".weight", "--learning_rate");
        run.assertLeftNothing(SOON);
        assertThat(folder.resolve("out/model.safetensors")).doesNotExist();
    }

    /** Each second step: the run ends with the weights that it began with. */
    @Test
    void shouldGoBackToTheModelWhereNothingIsCommittedWhenTheGradientIsNotFinite() throws Exception {
        Map<String, String> flags = flags();
        flags.put("nproc_per_node", "1");
        flags.put("learning_rate", "1e30");
        flags.put("lr_scheduler_type", "constant");
        flags.put("max_steps", "4");
        flags.put("save_strategy", "no");
        flags.put("on_nonfinite", "rollback");
        run = TuttiProcess.run(folder, flags);

        assertThat(run.exitCode()).as(run::text).isZero();
        RunOutput output = new RunOutput(folder.resolve("out"));
        List<JsonNode> events = output.jsonLines("events.jsonl");
        assertThat(events)
                .filteredOn(event -> event.get("event").asText().equals("rolled_back"))
                .extracting(event -> event.get("step").asInt())
                .containsExactly(2, 4);
        Path before = Path.of(flags.get("model_name_or_path"));
        assertThat(tensors(folder.resolve("out"))).isEqualTo(tensors(before));
        run.assertLeftNothing(SOON);
    }

    private static Map<String, ByteBuffer> tensors(Path model) {
        Map<String, ByteBuffer> tensors = new TreeMap<>();
        try (SafetensorsFile file = SafetensorsFile.open(model.resolve("model.safetensors"))) {
            file.tensors().values().forEach(tensor -> {
                ByteBuffer bytes = ByteBuffer.allocate((int) tensor.bytes());
                file.read(tensor.name(), 0, bytes);
                tensors.put(tensor.name(), bytes.flip());
            });
        }
        return tensors;
    }

    private void startAndAwaitASecondStep(Map<String, String> flags) throws Exception {
        run = TuttiProcess.run(folder, flags);
        run.awaitLine("^step [2-9]\\d*/");
    }

    private Map<String, String> flags() throws IOException {
        Map<String, String> flags = new LinkedHashMap<>();
        flags.put("nproc_per_node", "2");
        flags.put("model_name_or_path", TrainSpec.model().toString());
        flags.put("data_path", TrainSpec.writeData(folder).toString());
        flags.put("output_dir", folder.resolve("out").toString());
        flags.put("per_device_train_batch_size", "2");
        flags.put("max_steps", "1000000");
        return flags;
    }
}
