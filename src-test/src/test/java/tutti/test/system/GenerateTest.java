package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.config.TrainConfig.Backend;
import tutti.test.support.Shared;
import tutti.worker.generate.Generator;
import tutti.worker.generate.TextModel;

/** {@code tutti generate} against what PyTorch decodes from the same weights. */
class GenerateTest {
    @TempDir
    Path folder;

    @ParameterizedTest(name = "case {0}")
    @ValueSource(ints = {0, 1})
    void shouldDecodeGreedilyWhatPyTorchDecodes(int number) throws Exception {
        JsonNode expected = Shared.json("fixtures/stories260k/greedy.json").get(number);
        String model = Shared.path("models/stories260k").toString();
        String tokens = Integer.toString(expected.get("new_ids").size());
        assertThat(generate(model, expected.get("prompt").asText(), tokens))
                .isEqualTo(expected.get("text").asText());
    }

    @Test
    void shouldDecodeFromWeightsThatAreStoredInBfloat16() throws Exception {
        String model = Shared.path("models/tinystories-656k").toString();
        assertThat(generate(model, "Once upon a time", "20"))
                .startsWith("Once upon a time")
                .hasSizeGreaterThan(40);
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"models/stories260k", "models/stories260k-sharded"})
    void shouldGiveTheLogitsOfPyTorch(String model) {
        double worst = 0;
        try (TextModel text = TextModel.load(Shared.path(model), false, Backend.TORCH, 1);
                Generator generator = text.generator(text.config().maxPositions())) {
            for (JsonNode expected : Shared.json("fixtures/stories260k/logits_expected.json")) {
                int[] ids = StreamSupport.stream(expected.get("ids").spliterator(), false)
                        .mapToInt(JsonNode::asInt)
                        .toArray();
                float[] logits = generator.logits(ids);
                assertThat(logits).hasSize(expected.get("last_logits").size());
                for (int i = 0; i < logits.length; i++) {
                    double wanted = expected.get("last_logits").get(i).asDouble();
                    assertThat((double) logits[i]).as("logit %d", i).isCloseTo(wanted, within(1e-4));
                    worst = Math.max(worst, Math.abs(logits[i] - wanted));
                }
            }
        }
        System.out.printf("worst absolute error of a logit: %.1e%n", worst);
    }

    private String generate(String model, String prompt, String tokens) throws Exception {
        try (TuttiProcess generate = TuttiProcess.start(
                folder,
                "generate",
                "--model",
                model,
                "--prompt",
                prompt,
                "--temperature",
                "0",
                "--max_new_tokens",
                tokens)) {
            generate.succeed();
            return generate.out();
        }
    }
}
