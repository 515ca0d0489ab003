package tutti.deploy.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.error.TuttiException;

class AvailableMemoryTest {
    @TempDir
    Path root;

    @Test
    void shouldTellWhatTheMachineHasWithoutControlGroups() throws IOException {
        machine(1000);
        assertThat(new AvailableMemory(root).bytes()).isEqualTo(1000 << 10);
    }

    @Test
    void shouldTakeTheTightestGroupOfVersionTwoAndCountItsPageCacheAsFree() throws IOException {
        machine(1000);
        file("proc/self/cgroup", "0::/slice/job\n");
        file("sys/fs/cgroup/slice/memory.max", "500000\n");
        file("sys/fs/cgroup/slice/memory.current", "400000\n");
        file("sys/fs/cgroup/slice/memory.stat", "anon 1\ninactive_file 30000\n");
        file("sys/fs/cgroup/slice/job/memory.max", "max\n");
        file("sys/fs/cgroup/slice/job/memory.current", "300000\n");
        assertThat(new AvailableMemory(root).bytes()).isEqualTo(130_000);
    }

    @Test
    void shouldReadVersionOneAndPassOverAPathThatOnlyTheHostHas() throws IOException {
        machine(1000);
        file("proc/self/cgroup", "8:pids:/x\n4:memory:/docker/abc\n0::/\n");
        file("sys/fs/cgroup/memory/memory.limit_in_bytes", "700000\n");
        file("sys/fs/cgroup/memory/memory.usage_in_bytes", "800000\n");
        assertThat(new AvailableMemory(root).bytes()).as("over its limit").isZero();
        file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        assertThat(new AvailableMemory(root).bytes()).as("no limit").isEqualTo(1000 << 10);
    }

    @Test
    void shouldSayWhenTheMachineDoesNotTell() {
        assertThatThrownBy(() -> new AvailableMemory(root).bytes())
                .isInstanceOf(TuttiException.class)
                .hasMessageContaining("/proc/meminfo");
    }

    private void machine(long kib) throws IOException {
        file("proc/meminfo", "MemTotal: 99999 kB\nMemAvailable:   %d kB\n".formatted(kib));
    }

    private void file(String name, String text) throws IOException {
        Path file = root.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }
}
