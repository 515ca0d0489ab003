package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.config.TrainConfig.Backend;
import tutti.test.support.Shared;
import tutti.worker.generate.Generator;
import tutti.worker.generate.Generator.Made;
import tutti.worker.generate.Generator.Request;
import tutti.worker.generate.Sampler;
import tutti.worker.generate.TextModel;
import tutti.worker.generate.TextModel.Engine;
import tutti.worker.tensor.Device;

/** {@code tutti generate} against what PyTorch decodes from the same weights: by a process once, then called here. */
class GenerateTest {
    @TempDir
    Path folder;

    @ParameterizedTest(name = "case {0}")
    @ValueSource(ints = {0, 1})
    void shouldDecodeGreedilyWhatPyTorchDecodes(int number) throws Exception {
        JsonNode expected = Shared.json("fixtures/stories260k/greedy.json").get(number);
        String model = Shared.path("models/stories260k").toString();
        String prompt = expected.get("prompt").asText();
        String tokens = Integer.toString(expected.get("new_ids").size());
        assertThat(generate(model, prompt, tokens))
                .isEqualTo(expected.get("text").asText());
        if (number == 0) {
            try (TuttiProcess generate = TuttiProcess.start(folder, words(flags(model, prompt, tokens)))) {
                generate.succeed();
                assertThat(generate.out()).isEqualTo(expected.get("text").asText());
            }
        }
    }

    @Test
    void shouldDecodeFromWeightsThatAreStoredInBfloat16() {
        String model = Shared.path("models/tinystories-656k").toString();
        assertThat(generate(model, "Once upon a time", "20"))
                .startsWith("Once upon a time")
                .hasSizeGreaterThan(40);
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"models/stories260k", "models/stories260k-sharded"})
    void shouldGiveTheLogitsOfPyTorch(String model) {
        double worst = 0;
        try (TextModel text = TextModel.load(Shared.path(model), new Engine(Backend.TORCH, Device.CPU, false, 1));
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

    /** Float32 on two backends, float64 on the third; ragged prompts; each text beside others and alone. */
    @ParameterizedTest
    @EnumSource(names = {"TORCH", "ND4J", "REFERENCE"})
    void shouldDecodeSideBySideWhatItDecodesAlone(Backend backend) {
        int tokens = backend == Backend.TORCH ? 60 : 12;
        List<String> prompts =
                List.of("Once upon a time", "Lily and Tom", "The big red dog ran to the park because", "One");
        try (TextModel text =
                        TextModel.load(Shared.path("models/stories260k"), new Engine(backend, Device.CPU, false, 1));
                Generator four = text.generator(4, 128);
                Generator one = text.generator(128)) {
            List<Request> requests = prompts.stream()
                    .map(prompt ->
                            new Request(text.tokenizer().encode(prompt, true).ids(), Sampler.GREEDY, token -> true))
                    .toList();
            List<Made> together = four.generate(requests, tokens, Set.of());
            for (int i = 0; i < prompts.size(); i++) {
                int[] alone = one.generate(requests.subList(i, i + 1), tokens, Set.of())
                        .get(0)
                        .tokens();
                assertSameButForTies(
                        one, requests.get(i).prompt(), alone, together.get(i).tokens());
            }
            for (int number = 0; number < 2; number++) {
                JsonNode expected =
                        Shared.json("fixtures/stories260k/greedy.json").get(number);
                int[] pyTorch = StreamSupport.stream(expected.get("new_ids").spliterator(), false)
                        .mapToInt(JsonNode::asInt)
                        .limit(tokens)
                        .toArray();
                assertSameButForTies(
                        one,
                        requests.get(number).prompt(),
                        pyTorch,
                        together.get(number).tokens());
            }
        }
    }

    /** A product of several rows is rounded otherwise than one of a row: tokens may change places whose logits are 1e-3 apart. */
    private static void assertSameButForTies(Generator generator, int[] prompt, int[] expected, int[] made) {
        int same = Arrays.mismatch(expected, made);
        if (same < 0) {
            return;
        }
        assertThat(same).as("one is shorter").isLessThan(Math.min(expected.length, made.length));
        int[] before = Arrays.copyOf(prompt, prompt.length + same);
        System.arraycopy(expected, 0, before, prompt.length, same);
        float[] logits = generator.logits(before);
        assertThat((double) logits[made[same]]).as("token %d", same).isCloseTo(logits[expected[same]], within(1e-3));
    }

    @Test
    void shouldContinueEveryPromptOfAFile() throws Exception {
        Path prompts = Files.writeString(folder.resolve("prompts.txt"), "Once upon a time\n\nLily and Tom\nOne\n");
        String model = Shared.path("models/stories260k").toString();
        List<String> completions = new ArrayList<>();
        for (String batch : List.of("1", "2")) {
            String out = generate(
                    "--model",
                    model,
                    "--prompt_file",
                    prompts.toString(),
                    "--batch_size",
                    batch,
                    "--temperature",
                    "0.8",
                    "--max_new_tokens",
                    "12");
            List<String> lines = out.lines().toList();
            assertThat(lines).hasSize(3);
            assertThat(new ObjectMapper().readTree(lines.get(1)).get("prompt").asText())
                    .isEqualTo("Lily and Tom");
            completions.add(
                    new ObjectMapper().readTree(lines.get(1)).get("completion").asText());
        }
        assertThat(completions.get(0)).isNotBlank().isEqualTo(completions.get(1));
    }

    /** In the text of {@link #shouldDecodeGreedilyWhatPyTorchDecodes} the second " named" and " girl" are two and three tokens. */
    @Test
    void shouldEndAtAStopString() {
        String model = Shared.path("models/stories260k").toString();
        String full = Shared.json("fixtures/stories260k/greedy.json")
                .get(0)
                .get("text")
                .asText();
        for (String stop : List.of("Lily", "ttle girl n", "She loved", ".")) {
            assertThat(generate(
                            "--model",
                            model,
                            "--prompt",
                            "Once upon a time",
                            "--temperature",
                            "0",
                            "--max_new_tokens",
                            "100",
                            "--stop",
                            "never there",
                            "--stop",
                            stop))
                    .isEqualTo(full.substring(0, full.indexOf(stop)));
        }
    }

    private static String generate(String model, String prompt, String tokens) {
        return generate(flags(model, prompt, tokens));
    }

    private static String generate(String... flags) {
        Called generate = Called.tutti(words(flags));
        assertThat(generate.code()).as(generate.err()).isZero();
        return generate.out();
    }

    private static String[] flags(String model, String prompt, String tokens) {
        return new String[] {"--model", model, "--prompt", prompt, "--temperature", "0", "--max_new_tokens", tokens};
    }

    private static String[] words(String... flags) {
        return Stream.concat(Stream.of("generate"), Stream.of(flags)).toArray(String[]::new);
    }
}
