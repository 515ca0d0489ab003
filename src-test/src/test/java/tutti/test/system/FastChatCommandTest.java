package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.config.Keys;
import tutti.test.support.Ports;
import tutti.test.support.Shared;

/**
 * FastChat's own command line, word by word, with {@code torchrun ... train_mem.py} replaced by {@code tutti run}. Every sixth of its
 * conversations is enough to learn from in three epochs.
 */
class FastChatCommandTest {
    private static final Duration WHOLE_RUN = Duration.ofMinutes(14);

    @TempDir
    Path folder;

    @Test
    @Timeout(value = 20, unit = TimeUnit.MINUTES)
    void shouldTrainWithFastChatsFlagsAsTheyAre() throws Exception {
        Path output = folder.resolve("output_vicuna");
        List<String> flags = List.of(
                "--nproc_per_node=2",
                "--master_port=" + Ports.free(),
                "--model_name_or_path",
                Shared.path("models/stories260k").toString(),
                "--data_path",
                everySixthConversation().toString(),
                "--bf16",
                "True",
                "--output_dir",
                output.toString(),
                "--num_train_epochs",
                "3",
                "--per_device_train_batch_size",
                "2",
                "--per_device_eval_batch_size",
                "2",
                "--gradient_accumulation_steps",
                "16",
                "--evaluation_strategy",
                "no",
                "--save_strategy",
                "steps",
                "--save_steps",
                "1200",
                "--save_total_limit",
                "10",
                "--learning_rate",
                "2e-5",
                "--weight_decay",
                "0.",
                "--warmup_ratio",
                "0.03",
                "--lr_scheduler_type",
                "cosine",
                "--logging_steps",
                "1",
                "--fsdp",
                "full_shard auto_wrap",
                "--fsdp_transformer_layer_cls_to_wrap",
                "LlamaDecoderLayer",
                "--tf32",
                "True",
                "--model_max_length",
                "2048",
                "--gradient_checkpointing",
                "True",
                "--lazy_preprocess",
                "True");
        List<String> words = new ArrayList<>(List.of("run"));
        words.addAll(flags);
        try (TuttiProcess run = TuttiProcess.start(folder, Map.of(), words)) {
            assertThat(run.exitCode(WHOLE_RUN)).as(run::text).isZero();
            run.assertLeftNothing();
            for (String name : withoutEffect(flags)) {
                assertThat(run.text()).contains("tutti: note: --" + name);
            }
        }
        List<Double> losses = new RunOutput(output).metric("loss");
        // 84 conversations, 64 a step.
        assertThat(losses).hasSize(6);
        assertThat(mean(losses.subList(4, 6))).isLessThan(mean(losses.subList(0, 2)));

        Called generate = Called.tutti(
                "generate", "--model", output.toString(), "--prompt", "Hello", "--max_new_tokens", "5", "--chat");
        assertThat(generate.code()).as(generate.err()).isZero();
    }

    private Path everySixthConversation() throws IOException {
        JsonNode all = Shared.json("data/dummy_conversation.json");
        ArrayNode some = new ObjectMapper().createArrayNode();
        for (int i = 0; i < all.size(); i += 6) {
            some.add(all.get(i));
        }
        return Files.writeString(folder.resolve("conversations.json"), some.toString());
    }

    /** Every flag is either a setting, or must be answered by name. */
    private static Set<String> withoutEffect(List<String> flags) {
        Set<String> settings = Keys.all().stream()
                .flatMap(key -> Stream.concat(Stream.of(key.name()), Keys.olderNames(key).stream()))
                .collect(Collectors.toSet());
        Set<String> names = flags.stream()
                .filter(word -> word.startsWith("--"))
                .map(word -> word.substring(2).replaceFirst("=.*", ""))
                .filter(name -> !settings.contains(name))
                .collect(Collectors.toSet());
        assertThat(names).contains("fsdp", "tf32");
        return names;
    }

    private static double mean(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
    }
}
