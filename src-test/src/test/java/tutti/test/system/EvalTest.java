package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.error.Category;
import tutti.test.support.Shared;

/** {@code tutti eval} by real processes; what one process does alone, called here. */
class EvalTest {
    private static final int SIGKILL = 137;

    @TempDir
    Path folder;

    @Test
    void shouldGiveTheSameNumbersByTwoProcessesAsByOne() throws Exception {
        Path data = Shared.path("data/gsm8k/test-300.jsonl");
        String[] flags = {"--data_path", data.toString(), "--limit", "19", "--batch_size", "7", "--samples", "19"};
        String one = eval(flags);
        JsonNode result = new ObjectMapper().readTree(one);
        assertThat(result.get("samples").asInt()).isEqualTo(19);
        assertThat(result.get("total").asInt()).isEqualTo(19);
        assertThat(result.get("answers")).hasSize(19);
        assertThat(result.get("rule").asText()).isEqualTo("gsm8k");
        assertThat(result.get("perplexity").asDouble())
                .isCloseTo(Math.exp(result.get("loss").asDouble()), withinPercentage(1e-9));
        assertThat(eval(with(flags, "--nproc_per_node", "2"))).isEqualTo(one);
        assertThat(eval(with(flags, "--nproc_per_node", "4")))
                .as("more processes than batches")
                .isEqualTo(one);
        JsonNode single = new ObjectMapper().readTree(evalHere(with(flags, "--batch_size", "1")));
        assertThat(single.get("loss").asDouble()).isCloseTo(result.get("loss").asDouble(), withinPercentage(1e-4));
        assertThat(single.get("labelled_tokens")).isEqualTo(result.get("labelled_tokens"));
    }

    /** Two texts that the model writes itself, and one that it does not. */
    @Test
    void shouldCompareWhatFollowsAPrompt() throws Exception {
        JsonNode greedy = Shared.json("fixtures/stories260k/greedy.json");
        List<String> rows = new ArrayList<>();
        for (JsonNode one : greedy) {
            String prompt = one.get("prompt").asText();
            rows.add(row(prompt, one.get("text").asText().substring(prompt.length())));
        }
        rows.add(row("Once upon a time", " nothing at all"));
        Path data = Files.write(folder.resolve("rows.jsonl"), rows);
        String tokens = Integer.toString(greedy.get(0).get("new_ids").size());
        JsonNode result = new ObjectMapper()
                .readTree(evalHere(
                        "--data_path", data.toString(), "--metric", "exact_match", "--max_new_tokens", tokens));
        assertThat(result.has("loss")).isFalse();
        assertThat(result.get("rule").asText()).isEqualTo("text");
        assertThat(IntStream.range(0, rows.size())
                        .filter(i -> result.at("/answers/" + i + "/exact").asBoolean())
                        .boxed()
                        .toList())
                .contains(0)
                .doesNotContain(rows.size() - 1);
    }

    @Test
    void shouldMeasurePlainTextByPerplexityOnlyAndSaySo() {
        String data = Shared.path("data/wikisql/valid.jsonl").toString();
        Called eval = Called.tutti(words("--data_path", data, "--limit", "20"));
        assertThat(eval.code()).as(eval.err()).isZero();
        assertThat(eval.text()).contains("20 of 20 samples ask nothing that is answered", "perplexity only");
        assertThat(eval.out()).matches("loss \\d+\\.\\d{4} \\| perplexity \\d+\\.\\d\\d");
        Refusal.assertEnd(
                Called.tutti(words("--data_path", data, "--metric", "exact_match")),
                Category.USER,
                "--metric exact_match",
                "--metric perplexity takes them");
    }

    @Test
    void shouldEndAsItsProcessesDo() throws Exception {
        String data = Shared.path("data/gsm8k/test-300.jsonl").toString();
        String noModel = Files.createDirectory(folder.resolve("empty")).toString();
        try (TuttiProcess eval =
                TuttiProcess.start(folder, "eval", "--model", noModel, "--data_path", data, "--nproc_per_node", "2")) {
            assertThat(eval.exitCode()).isEqualTo(Category.DATA.exitCode());
            assertThat(eval.text()).contains("config.json");
            eval.assertLeftNothing();
        }
        try (TuttiProcess eval = start("--data_path", data, "--nproc_per_node", "2", "--max_new_tokens", "400")) {
            awaitRanks(eval, 2);
            eval.signal("KILL");
            assertThat(eval.exitCode()).isEqualTo(SIGKILL);
            eval.assertLeftNothing();
        }
    }

    private static void awaitRanks(TuttiProcess eval, int ranks) throws InterruptedException {
        long deadline = System.nanoTime() + TuttiProcess.LONG.toNanos();
        while (eval.pids().size() < 1 + ranks) {
            assertThat(System.nanoTime()).as(eval::text).isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    private String eval(String... flags) throws Exception {
        try (TuttiProcess eval = start(with(flags, "--json"))) {
            eval.succeed();
            return eval.out();
        }
    }

    private static String evalHere(String... flags) {
        Called eval = Called.tutti(words(with(flags, "--json")));
        assertThat(eval.code()).as(eval.err()).isZero();
        return eval.out();
    }

    private TuttiProcess start(String... flags) {
        return TuttiProcess.start(folder, words(flags));
    }

    private static String[] words(String... flags) {
        String model = Shared.path("models/stories260k").toString();
        return with(
                new String[] {"eval", "--model", model, "--chat_template", "chatml", "--max_new_tokens", "12"}, flags);
    }

    private static String[] with(String[] flags, String... more) {
        List<String> all = new ArrayList<>(List.of(flags));
        all.addAll(List.of(more));
        return all.toArray(String[]::new);
    }

    private static String row(String prompt, String completion) throws Exception {
        return new ObjectMapper().writeValueAsString(Map.of("prompt", prompt, "completion", completion));
    }
}
