package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.checkpoint.Checkpoints;
import tutti.common.checkpoint.Manifest;
import tutti.test.support.TrainSpec;

/** A run on a disk of its own that one checkpoint fits on, and no second one. Mounting it takes root's rights. */
class FullDiskTest {
    /** A checkpoint of the model is 3.2 MB. */
    private static final String SIZE = "size=5m";

    @TempDir
    Path folder;

    private Path disk;

    @BeforeEach
    void mount() throws Exception {
        disk = Files.createDirectory(folder.resolve("disk"));
        Assumptions.assumeTrue(
                call("mount", "-t", "tmpfs", "-o", SIZE, "tmpfs", disk.toString()) == 0,
                "skipped: no rights to mount a small disk");
    }

    @AfterEach
    void unmount() throws Exception {
        call("umount", disk.toString());
    }

    @Test
    void shouldTrainToTheEndWithoutTheCheckpointsThatDoNotFitAndKeepTheOneThatDid() throws Exception {
        RunOutput output = new RunOutput(disk.resolve("out"));
        Map<String, String> flags = TrainSpec.flags(TrainSpec.writeData(folder), output.folder(), 4, 1);
        flags.put("save_strategy", "steps");
        flags.put("save_steps", "4");
        flags.put("save_final_model", "False");
        flags.put("logging_steps", "1");
        try (TuttiProcess run = TuttiProcess.run(folder, flags)) {
            run.succeed();
            for (String lost : List.of("checkpoint-8", "checkpoint-12")) {
                assertThat(run.lines())
                        .anyMatch(line -> line.startsWith("warning: " + lost + " was abandoned")
                                && line.contains("No space left"));
            }
        }
        // Twelve lines: none is lost. And what one worker trains is right.
        output.assertFixture(1);
        assertThat(Checkpoints.list(output.folder())).singleElement().satisfies(only -> {
            assertThat(only.step()).isEqualTo(4);
            assertThat(Manifest.verify(only.path()).problems()).isEmpty();
        });
        try (Stream<Path> left = Files.list(output.folder())) {
            assertThat(left.map(file -> file.getFileName().toString())).noneMatch(name -> name.endsWith(".partial"));
        }
    }

    private static int call(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).inheritIO().start();
        assertThat(process.waitFor(10, TimeUnit.SECONDS))
                .as(String.join(" ", command))
                .isTrue();
        return process.exitValue();
    }
}
