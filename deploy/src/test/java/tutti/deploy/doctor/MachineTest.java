package tutti.deploy.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.deploy.doctor.Finding.Level;

class MachineTest {
    @TempDir
    Path root;

    @BeforeEach
    void giveItEverything() throws IOException {
        write("proc/cpuinfo", "processor : 0\nmodel name\t: Example\nflags\t\t: fpu sse2 avx2 avx512_bf16 amx_bf16\n");
        write("proc/meminfo", "MemTotal:       33554432 kB\nMemAvailable:   16777216 kB\n");
        write("proc/self/cgroup", "0::/a/b\n");
        write("proc/sys/net/core/rmem_max", "4194304\n");
        Files.createDirectories(root.resolve("dev/shm"));
    }

    @Test
    void shouldFindNothingToRepairOnAGoodMachine() {
        assertThat(new Machine(root).findings())
                .filteredOn(finding -> !finding.subject().equals("platform"))
                .filteredOn(finding -> !finding.subject().equals("/dev/shm"))
                .allMatch(finding ->
                        finding.level() == Level.OK && finding.repair().isEmpty());
        assertThat(finding("bf16 instructions").value()).isEqualTo("amx_bf16, avx512_bf16");
        assertThat(finding("bf16 products").value()).isEqualTo("native: amx_bf16 is faster than float32");
        assertThat(finding("memory").value()).isEqualTo("16.0 GiB available of 32.0 GiB");
        assertThat(finding("memory limit").value()).isEqualTo("none");
        assertThat(finding("net.core.rmem_max").value()).isEqualTo("4096 KiB");
        assertThat(finding("cores").value()).endsWith(" of Example");
        assertThat(new Machine(root).processor()).matches("Example, \\d+ cores?");
    }

    @Test
    void shouldWarnWithTheRepairWhatIsSlowOrTight() throws IOException {
        write("proc/cpuinfo", "flags : fpu avx2\n");
        write("proc/meminfo", "MemTotal:       33554432 kB\nMemAvailable:   1048576 kB\n");
        write("proc/sys/net/core/rmem_max", "65536\n");

        assertWarning("bf16 instructions", "--bf16 True");
        assertWarning("memory", "TUTTI_WORKER_HEAP");
        assertWarning("net.core.rmem_max", "sysctl -w net.core.rmem_max=");
    }

    @Test
    void shouldMissSharedMemoryThatIsNotThere() throws IOException {
        Files.delete(root.resolve("dev/shm"));

        assertThat(finding("/dev/shm").level()).isEqualTo(Level.MISSING);
        assertThat(finding("/dev/shm").repair()).contains("mount");
    }

    @ParameterizedTest(name = "{0} = {1}: {3}")
    @CsvSource({
        "sys/fs/cgroup/a/b/memory.max, 8589934592, 0::/a/b, 8192 MiB (cgroup), OK",
        "sys/fs/cgroup/a/memory.max, 1073741824, 0::/a/b, 1024 MiB (cgroup), WARN",
        "sys/fs/cgroup/memory.max, 1073741824, 0::/, 1024 MiB (cgroup), WARN",
        "sys/fs/cgroup/a/b/memory.max, max, 0::/a/b, none, OK",
        "sys/fs/cgroup/memory/memory.limit_in_bytes, 1073741824, 4:memory:/gone, 1024 MiB (cgroup), WARN",
        "sys/fs/cgroup/memory/c/memory.limit_in_bytes, 9223372036854771712, 4:memory:/c, none, OK",
    })
    void shouldFindTheLeastMemoryLimit(String file, String text, String group, String value, Level level)
            throws IOException {
        write("proc/self/cgroup", group + "\n");
        write(file, text + "\n");

        assertThat(finding("memory limit").value()).isEqualTo(value);
        assertThat(finding("memory limit").level()).isEqualTo(level);
    }

    @Test
    void shouldReadThisMachine() {
        assertThat(Machine.here().findings())
                .hasSize(9)
                .noneMatch(finding -> finding.value().isEmpty())
                .allMatch(finding ->
                        finding.level() == Level.OK || !finding.repair().isEmpty());
    }

    @Test
    void shouldMissMemoryThatTheMachineDoesNotTell() throws IOException {
        Files.delete(root.resolve("proc/meminfo"));

        assertThat(finding("memory").level()).isEqualTo(Level.MISSING);
        assertThat(finding("memory").value()).contains("/proc/meminfo");
    }

    private void assertWarning(String subject, String repair) {
        assertThat(finding(subject).level()).isEqualTo(Level.WARN);
        assertThat(finding(subject).repair()).contains(repair);
    }

    private Finding finding(String subject) {
        return new Machine(root)
                .findings().stream()
                        .filter(finding -> finding.subject().equals(subject))
                        .findFirst()
                        .orElseThrow();
    }

    private void write(String path, String text) throws IOException {
        Path file = root.resolve(path);
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }
}
