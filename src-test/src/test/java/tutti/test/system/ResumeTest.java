package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.checkpoint.Checkpoints;
import tutti.common.checkpoint.Manifest;
import tutti.test.support.BrokenEmbedding;
import tutti.test.support.Shared;
import tutti.test.support.TrainSpec;
import tutti.worker.checkpoint.TrainerState;

/** A run that was killed goes on as if nothing had happened. */
class ResumeTest {
    /** On an idle machine it is below 20 seconds; this one may be busy with other things. */
    private static final Duration SOON = Duration.ofSeconds(90);

    @TempDir
    Path folder;

    /** The second step is left out: a checkpoint says how often the moments were updated, which is not the number of its step. */
    @Test
    @Timeout(value = 15, unit = TimeUnit.MINUTES)
    void shouldEndWithTheBitsOfAnUndisturbedRunAfterAKill() throws Exception {
        RunOutput undisturbed = new RunOutput(folder.resolve("undisturbed"));
        RunOutput disturbed = new RunOutput(folder.resolve("disturbed"));
        Map<String, String> flags = longSteps(undisturbed.folder());
        flags.put("save_total_limit", "2");
        try (TuttiProcess run = TuttiProcess.run(folder, flags)) {
            run.succeed();
        }
        assertThat(undisturbed.folder().resolve("checkpoint-4")).doesNotExist();
        assertThat(undisturbed.folder().resolve("checkpoint-8")).isDirectory();
        assertThat(undisturbed.folder().resolve("checkpoint-12")).isDirectory();

        Map<String, String> again = longSteps(Files.createDirectory(disturbed.folder()));
        // Its checkpoints hold shards; what goes on from them is whole.
        again.put("zero", "2");
        again.put("bucket_cap_mb", "0.2");
        try (WatchService watch = FileSystems.getDefault().newWatchService()) {
            disturbed.folder().register(watch, StandardWatchEventKinds.ENTRY_CREATE);
            try (TuttiProcess run = TuttiProcess.run(folder, again)) {
                awaitFolder(watch, "checkpoint-4");
                assertThat(run.pids()).as("agent, coordinator and two workers").hasSize(4);
                long before = System.nanoTime();
                run.signal("KILL");
                run.assertLeftNothing(SOON);
                System.out.printf("everything is gone %.1f s after the agent%n", (System.nanoTime() - before) / 1e9);
            }
        }
        assertThat(disturbed.folder().resolve("model.safetensors"))
                .as("killed before its end")
                .doesNotExist();

        again.put("resume_from_checkpoint", "True");
        again.put("zero", "0");
        try (TuttiProcess run = TuttiProcess.run(folder, again)) {
            run.succeed();
            long from =
                    Long.parseLong(run.awaitLine("resumed after step ([48])\\b").group(1));
            assertThat(updates(disturbed, from)).isEqualTo(from - 1);
        }
        assertThat(updates(undisturbed, 12)).isEqualTo(11);
        assertThat(disturbed.hash(2)).isEqualTo(undisturbed.hash(2));
        assertThat(Files.mismatch(
                        disturbed.folder().resolve("model.safetensors"),
                        undisturbed.folder().resolve("model.safetensors")))
                .as("first differing byte of the final models")
                .isEqualTo(-1);
    }

    @Test
    void shouldPassOverATornCheckpointAndEndWithTheSameBitsOnFewerWorkers() throws Exception {
        RunOutput output = new RunOutput(folder.resolve("out"));
        Map<String, String> flags = TrainSpec.flags(TrainSpec.writeData(folder), output.folder(), 2, 1);
        flags.put("nproc_per_node", "2");
        flags.put("save_strategy", "steps");
        flags.put("save_steps", "4");
        flags.put("logging_steps", "1");
        flags.put("zero", "1");
        flags.put("bucket_cap_mb", "0.1");
        flags.put("virtual_ranks", "2");
        // One worker would have the threads of two.
        Map<String, String> threads = Map.of("OMP_NUM_THREADS", "1");
        try (TuttiProcess run = TuttiProcess.run(folder, List.of(), threads, flags)) {
            run.succeed();
        }
        output.assertFixture(2);
        String undisturbed = output.hash(2);
        Path torn = output.folder().resolve("checkpoint-12");
        assertEveryFileIsGuarded(torn);
        try (FileChannel weights = FileChannel.open(torn.resolve("model.safetensors"), StandardOpenOption.WRITE)) {
            weights.truncate(weights.size() - 1);
        }

        flags.put("resume_from_checkpoint", "True");
        flags.put("nproc_per_node", "1");
        try (TuttiProcess run = TuttiProcess.run(folder, List.of(), threads, flags)) {
            run.succeed();
            assertThat(run.text()).contains("passed over " + torn, "model.safetensors", "resumed after step 8");
        }
        // Twelve lines of the first run, then steps 9 to 12 once more.
        assertThat(output.metric("step")).hasSize(16).endsWith(9.0, 10.0, 11.0, 12.0);
        for (String metric : List.of("loss", "grad_norm")) {
            List<Double> values = output.metric(metric);
            assertThat(values.subList(12, 16)).as(metric).isEqualTo(values.subList(8, 12));
        }
        assertThat(output.hash(1)).isEqualTo(undisturbed);
    }

    /** A bit in the middle of any of its files, and the one before it is the newest whole one. */
    private static void assertEveryFileIsGuarded(Path checkpoint) throws IOException {
        for (Manifest.Item item : Manifest.read(checkpoint).files()) {
            Path file = checkpoint.resolve(item.name());
            byte[] written = Files.readAllBytes(file);
            written[written.length / 2] ^= 1;
            Files.write(file, written);
            Checkpoints.Newest newest = Checkpoints.newest(checkpoint.getParent());
            assertThat(newest.checkpoint().orElseThrow().step()).as(item.name()).isEqualTo(8);
            assertThat(newest.skipped())
                    .singleElement()
                    .satisfies(skipped -> assertThat(skipped.problems())
                            .singleElement()
                            .asString()
                            .contains(item.name()));
            written[written.length / 2] ^= 1;
            Files.write(file, written);
        }
        assertThat(Manifest.verify(checkpoint).ok()).isTrue();
    }

    private static long updates(RunOutput output, long step) {
        return TrainerState.read(output.folder().resolve(Checkpoints.name(step)))
                .updates();
    }

    /** Steps that take long enough to be killed between two of them. The gradients of the second are not finite. */
    private Map<String, String> longSteps(Path output) throws IOException {
        Map<String, String> flags = new LinkedHashMap<>();
        flags.put("nproc_per_node", "2");
        flags.put(
                "model_name_or_path",
                BrokenEmbedding.withTokenizer(TrainSpec.model(), folder).toString());
        flags.put("data_path", conversations().toString());
        flags.put("shuffle", "False");
        flags.put("on_nonfinite", "skip");
        flags.put("output_dir", output.toString());
        flags.put("model_max_length", "256");
        flags.put("per_device_train_batch_size", "2");
        flags.put("gradient_accumulation_steps", "2");
        flags.put("learning_rate", "1e-3");
        flags.put("max_steps", "12");
        flags.put("save_steps", "4");
        return flags;
    }

    /** Eight are a step. */
    private Path conversations() throws IOException {
        ArrayNode all = (ArrayNode) Shared.json("data/dummy_conversation.json");
        ObjectNode question = (ObjectNode) all.get(9).get("conversations").get(0);
        question.put("value", BrokenEmbedding.TEXT + question.get("value").asText());
        return Files.writeString(folder.resolve("conversations.json"), all.toString());
    }

    private static void awaitFolder(WatchService watch, String name) throws IOException, InterruptedException {
        long deadline = System.nanoTime() + TuttiProcess.LONG.toNanos();
        while (System.nanoTime() < deadline) {
            WatchKey key = watch.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
            assertThat(key).as("%s did not appear", name).isNotNull();
            for (WatchEvent<?> event : key.pollEvents()) {
                if (event.context() instanceof Path path && path.toString().equals(name)) {
                    return;
                }
            }
            key.reset();
        }
        throw new AssertionError(name + " did not appear");
    }
}
