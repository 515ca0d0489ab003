package tutti.deploy.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A coordinator of another kind: a shell that touches a file, or stops to. */
class CoordinatorWatchTest {
    private static final int KILLED = 137;
    private static final Duration HUNG = Duration.ofMillis(1500);

    @TempDir
    Path folder;

    private final List<String> notes = new CopyOnWriteArrayList<>();
    private Process process;

    @AfterEach
    void end() {
        process.destroyForcibly();
    }

    @Test
    void shouldKillOneThatStopsTouchingItsFile() throws Exception {
        watch("touch beat; exec cat");
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).isEqualTo(KILLED);
        assertThat(notes).singleElement().asString().contains("has stood still for 1 s", "pid " + process.pid());
    }

    @Test
    void shouldLeaveOneAloneThatHasNotBegunOrGoesOn() throws Exception {
        // First it takes longer than it may stand still, then it goes on for as long.
        watch("read -t 4 nothing; for i in 1 2 3 4 5 6 7 8; do touch beat; read -t 0.5 nothing; done; exit 3");
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).isEqualTo(3);
        assertThat(notes).isEmpty();
        assertThat(folder.resolve("beat")).exists();
    }

    private void watch(String script) throws Exception {
        process = new ProcessBuilder("bash", "-c", script)
                .directory(folder.toFile())
                .start();
        new CoordinatorWatch(process, folder.resolve("beat"), HUNG, Duration.ofMillis(100), notes::add).start();
    }
}
