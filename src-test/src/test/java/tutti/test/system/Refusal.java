package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
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

    /** As {@link #of} for what the launcher refuses by itself: called in this process, whose children it would have to start. */
    static void byLauncher(Map<String, String> flags, Category category, String... words) {
        List<ProcessHandle> before = ProcessHandle.current().children().toList();
        assertEnd(Called.tutti(TuttiProcess.words("run", flags).toArray(String[]::new)), category, words);
        assertThat(ProcessHandle.current().children().toList())
                .as("processes that were started")
                .isEqualTo(before);
        assertThat(TuttiProcess.sharedMemory(ProcessHandle.current().pid()))
                .as("folders left in shared memory")
                .isEmpty();
        assertNothingTrained(Path.of(flags.get("output_dir")));
    }

    static void assertEnd(TuttiProcess run, Category category, String... words) throws InterruptedException {
        int code = run.exitCode();
        assertEnd(code, run.lines(), category, words);
    }

    static void assertEnd(Called call, Category category, String... words) {
        assertEnd(call.code(), call.lines(), category, words);
    }

    private static void assertEnd(int code, List<String> lines, Category category, String... words) {
        String said = "what it said:\n" + String.join("\n", lines);
        List<String> errors = TuttiProcess.errors(lines);
        assertThat(errors).as(said).hasSize(1);
        assertThat(errors.get(0)).contains(words);
        assertThat(code).as("exit code; %s", said).isEqualTo(category.exitCode());
        assertThat(lines).as("stack traces").noneMatch(line -> line.matches("(\\[rank \\d+] )?\\s+at .*\\(.*\\)"));
    }

    static void assertNothingTrained(Path output) {
        assertThat(output.resolve("metrics.jsonl"))
                .satisfiesAnyOf(
                        file -> assertThat(file).doesNotExist(),
                        file -> assertThat(Files.size(file)).isZero());
        assertThat(output.resolve("model.safetensors")).doesNotExist();
    }
}
