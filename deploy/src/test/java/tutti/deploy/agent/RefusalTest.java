package tutti.deploy.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.config.RunConfig;
import tutti.common.config.Settings;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/** What the agent refuses before it starts or deletes anything. */
class RefusalTest {
    @TempDir
    Path temp;

    private Path out;
    private Path model;

    @BeforeEach
    void makeFolders() throws IOException {
        out = Files.createDirectory(temp.resolve("out"));
        model = Files.createDirectory(temp.resolve("model"));
    }

    @Test
    void shouldRefuseAFolderThatIsNotEmpty() throws IOException {
        Files.writeString(out.resolve("notes.txt"), "");

        assertRefused(
                () -> run(Map.of()), Category.USER, "not empty", "--overwrite_output_dir", "--resume_from_checkpoint");
    }

    @Test
    void shouldRefuseToEmptyAFolderThatNoRunWrote() throws IOException {
        Files.writeString(out.resolve("model.safetensors"), "precious");

        assertRefused(() -> run(Map.of("overwrite_output_dir", "true")), Category.USER, "no run.json");
        assertThat(out.resolve("model.safetensors")).hasContent("precious");
    }

    @Test
    void shouldRefuseToEmptyTheFolderThatTheModelIsReadFrom() throws IOException {
        Files.writeString(out.resolve("run.json"), "{}");
        Files.writeString(out.resolve("config.json"), "{}");
        model = out;

        assertRefused(
                () -> run(Map.of("overwrite_output_dir", "true")), Category.USER, "--model_name_or_path", "lies in");
    }

    @Test
    void shouldTakeAFolderAgainWhoseRunFailedBeforeItsFirstStep() throws IOException {
        Files.writeString(out.resolve("run.json"), "{}");
        Files.writeString(out.resolve("events.jsonl"), "{}");
        Files.writeString(out.resolve("ledger.mv.db"), "");
        Files.writeString(out.resolve("metrics.jsonl"), "");
        Files.createDirectories(out.resolve("logs"));

        try (OutputFolder folder = new OutputFolder(config(Map.of()))) {
            folder.check();
        }
        assertThat(out.resolve(".lock")).doesNotExist();
        Files.writeString(out.resolve("metrics.jsonl"), "{\"step\":1}");
        assertRefused(() -> run(Map.of()), Category.USER, "not empty");
    }

    @Test
    void shouldDeleteOnlyWhatARunWrote() throws IOException {
        Files.writeString(out.resolve("run.json"), "{}");
        Files.writeString(out.resolve("metrics.jsonl"), "");
        Files.writeString(out.resolve("samples.jsonl"), "");
        Files.writeString(out.resolve("model-00001-of-00002.safetensors"), "");
        Files.writeString(out.resolve("model.safetensors.index.json"), "");
        Files.writeString(out.resolve("run.json.tmp"), "");
        Files.writeString(out.resolve("ledger.mv.db"), "");
        List<String> others = List.of("notes.txt", "checkpoint-4000-good", "model-backup.safetensors", "mine.tmp");
        for (String name : others) {
            Files.writeString(out.resolve(name), "mine");
        }
        Files.createDirectories(out.resolve("checkpoint-10"));
        Files.writeString(out.resolve("checkpoint-10/model.safetensors"), "");
        Files.createSymbolicLink(out.resolve("checkpoint-20"), model);
        Files.writeString(model.resolve("config.json"), "{}");
        RunConfig config = config(Map.of("overwrite_output_dir", "true"));

        prepare(config);
        assertThat(out)
                .isDirectoryNotContaining(
                        "glob:**{run.json,ledger.mv.db,metrics.jsonl,samples.jsonl,run.json.tmp,model-0*,model.*,checkpoint-?0,.lock}");
        for (String name : others) {
            assertThat(out.resolve(name)).hasContent("mine");
        }
        assertThat(model.resolve("config.json")).exists();
    }

    @Test
    void shouldDeleteNothingWhenTheRunGoesOn() throws IOException {
        Files.createDirectories(out.resolve("checkpoint-10"));
        Files.writeString(out.resolve("run.json"), "{}");
        RunConfig config = config(Map.of("overwrite_output_dir", "true", "resume_from_checkpoint", "True"));

        prepare(config);
        assertThat(out.resolve("checkpoint-10")).exists();
    }

    @Test
    void shouldRefuseAFileAsFolder() throws IOException {
        out = Files.writeString(temp.resolve("file"), "");

        assertRefused(() -> run(Map.of()), Category.USER, "a folder is needed");
    }

    @Test
    void shouldNameAPortInUse() throws IOException {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            String port = Integer.toString(taken.getLocalPort());

            assertRefused(
                    () -> run(Map.of("master_port", port)), Category.ENVIRONMENT, "--master_port=" + port, "in use");
            assertRefused(
                    () -> run(Map.of("console_port", port)), Category.ENVIRONMENT, "--console_port=" + port, "in use");
        }
    }

    @Test
    void shouldAskPreflightsBeforeAnythingIsDeleted() throws IOException {
        Files.writeString(out.resolve("run.json"), "{}");
        Preflight no = config -> {
            throw TuttiException.data("a bad model");
        };
        Map<String, String> flags = Map.of("overwrite_output_dir", "true");

        assertRefused(
                () -> new Agent(RefusalTest::noChild, List.of(no), FakeAgent.LITTLE)
                        .run(settings(flags), config(flags)),
                Category.DATA,
                "a bad model");
        assertThat(out.resolve("run.json")).exists();
    }

    @Test
    void shouldWriteARunFileThatIsReadableAsConfig() throws IOException {
        Settings settings = settings(Map.of("learning_rate", "1e-5", "bf16", "True"));

        try (OutputFolder folder = new OutputFolder(RunConfig.read(settings))) {
            Path file = folder.writeRunFile(settings);
            assertThat(Settings.of(Map.of(), file).effective()).isEqualTo(settings.effective());
        }
    }

    @Test
    void shouldLeaveNoFolderBehindARefusedRun() {
        Path deep = temp.resolve("new/folder");
        Preflight no = config -> {
            throw TuttiException.data("a bad model");
        };
        out = deep;

        assertRefused(
                () -> new Agent(RefusalTest::noChild, List.of(no), FakeAgent.LITTLE)
                        .run(settings(Map.of()), config(Map.of())),
                Category.DATA,
                "a bad model");
        assertThat(deep.getParent()).doesNotExist();
    }

    @Test
    void shouldTakeTheHeapOfAWorkerFromTheEnvironment() {
        assertThat(heap(ChildCommand.Role.WORKER, Map.of())).isEqualTo("-Xmx2g");
        assertThat(heap(ChildCommand.Role.WORKER, Map.of("TUTTI_WORKER_HEAP", "4g")))
                .isEqualTo("-Xmx4g");
        assertThat(heap(ChildCommand.Role.WORKER, Map.of("TUTTI_WORKER_HEAP", "64m")))
                .isEqualTo("-Xmx64m");
        assertRefused(
                () -> heap(ChildCommand.Role.WORKER, Map.of("TUTTI_WORKER_HEAP", "63m")),
                Category.USER,
                "TUTTI_WORKER_HEAP=63m",
                "at least 64m");
        assertThat(heap(ChildCommand.Role.COORDINATOR, Map.of("TUTTI_WORKER_HEAP", "4g")))
                .isEqualTo("-Xmx512m");
        assertRefused(
                () -> heap(ChildCommand.Role.WORKER, Map.of("TUTTI_WORKER_HEAP", "4 GB")),
                Category.USER,
                "TUTTI_WORKER_HEAP=4 GB",
                "4g");
    }

    private static String heap(ChildCommand.Role role, Map<String, String> environment) {
        return ChildCommand.sameJava(RefusalTest.class, false, environment).of(role, List.of()).stream()
                .filter(word -> word.startsWith("-Xmx"))
                .findFirst()
                .orElseThrow();
    }

    private static void prepare(RunConfig config) {
        try (OutputFolder folder = new OutputFolder(config)) {
            folder.check();
            folder.prepare();
        }
    }

    private void run(Map<String, String> flags) {
        new Agent(RefusalTest::noChild, List.of(), FakeAgent.LITTLE).run(settings(flags), config(flags));
    }

    private static List<String> noChild(ChildCommand.Role role, List<String> words) {
        throw new AssertionError("nothing may be started");
    }

    private RunConfig config(Map<String, String> flags) {
        return RunConfig.read(settings(flags));
    }

    private Settings settings(Map<String, String> flags) {
        Map<String, String> all = new HashMap<>(flags);
        all.put("output_dir", out.toString());
        all.put("model_name_or_path", model.toString());
        all.put("data_path", "data.json");
        return Settings.of(all, null);
    }

    private static void assertRefused(ThrowingCallable what, Category category, String... words) {
        assertThatThrownBy(what)
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(category))
                .message()
                .contains(words)
                .hasLineCount(1);
    }
}
