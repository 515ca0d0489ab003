package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import tutti.common.error.Category;

/** How a refused run must end: the category's exit code, one line that says everything, no stack trace, nothing trained. */
final class Refusal {
    private Refusal() {}

    /** @param words that the one line must hold: what, where, the value, the rule */
    static void of(Path folder, Map<String, String> flags, Category category, String... words) throws Exception {
        try (TuttiProcess run = TuttiProcess.run(folder, flags)) {
            assertEnd(run, category, words);
            run.assertLeftNothing();
        }
        assertNothingTrained(Path.of(flags.get("output_dir")));
    }

    static void assertEnd(TuttiProcess run, Category category, String... words) throws InterruptedException {
        int code = run.exitCode();
        assertThat(run.errors()).as(() -> "what the run said:\n" + run.text()).hasSize(1);
        assertThat(run.errors().get(0)).contains(words);
        assertThat(code).as(() -> "exit code; it said:\n" + run.text()).isEqualTo(category.exitCode());
        assertThat(run.lines())
                .as("stack traces")
                .noneMatch(line -> line.matches("(\\[rank \\d+] )?\\s+at .*\\(.*\\)"));
    }

    static void assertNothingTrained(Path output) {
        assertThat(output.resolve("metrics.jsonl"))
                .satisfiesAnyOf(
                        file -> assertThat(file).doesNotExist(),
                        file -> assertThat(Files.size(file)).isZero());
        assertThat(output.resolve("model.safetensors")).doesNotExist();
    }
}
