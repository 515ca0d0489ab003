package tutti.deploy;

import static tutti.common.error.TuttiException.environment;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.Stream;

/**
 * What processes of this machine may still take: Linux's own estimate, and less where a control group (a container, a Slurm job)
 * is given less. A group's page cache counts as free, because the kernel drops it when the group needs room.
 *
 * @param root {@code /}, or a copy of its files in a test
 */
record AvailableMemory(Path root) {
    /** File names of a group's limit, its use, and the field of its reclaimable page cache. */
    private record Names(String limit, String used, String cache) {}

    private static final Names V1 = new Names("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file");
    private static final Names V2 = new Names("memory.max", "memory.current", "inactive_file");

    static AvailableMemory here() {
        return new AvailableMemory(Path.of("/"));
    }

    /** @throws tutti.common.error.TuttiException (environment) if {@code /proc/meminfo} does not tell */
    long bytes() {
        long machine = field(root.resolve("proc/meminfo"), "MemAvailable:")
                        .orElseThrow(() -> environment("/proc/meminfo: no MemAvailable; Tutti runs on Linux"))
                << 10;
        return lines(root.resolve("proc/self/cgroup"))
                .flatMap(this::groups)
                .mapToLong(Long::longValue)
                .reduce(machine, Math::min);
    }

    /** Free bytes of one line's group and of every group around it: {@code 0::/job} or {@code 4:memory:/job}. */
    private Stream<Long> groups(String line) {
        String[] parts = line.split(":", 3);
        if (parts.length < 3) {
            return Stream.empty();
        }
        if (parts[1].isEmpty()) {
            return upwards(root.resolve("sys/fs/cgroup"), parts[2], V2);
        }
        return List.of(parts[1].split(",")).contains("memory")
                ? upwards(root.resolve("sys/fs/cgroup/memory"), parts[2], V1)
                : Stream.empty();
    }

    /** In a container the path may be the host's, of which only the top is mounted: missing folders are passed over. */
    private static Stream<Long> upwards(Path mount, String path, Names names) {
        Path group = mount.resolve(path.replaceFirst("^/+", "")).normalize();
        return Stream.iterate(group, folder -> folder != null && folder.startsWith(mount), Path::getParent)
                .flatMap(folder -> free(folder, names));
    }

    private static Stream<Long> free(Path group, Names names) {
        OptionalLong limit = number(group.resolve(names.limit));
        OptionalLong used = number(group.resolve(names.used));
        if (limit.isEmpty() || used.isEmpty()) {
            return Stream.empty();
        }
        long cache = field(group.resolve("memory.stat"), names.cache).orElse(0);
        return Stream.of(Math.max(0, limit.getAsLong() - used.getAsLong() + cache));
    }

    /** Empty where the file is missing or says {@code max}. */
    private static OptionalLong number(Path file) {
        return lines(file)
                .filter(line -> line.matches("\\d{1,19}"))
                .mapToLong(Long::parseLong)
                .findFirst();
    }

    private static OptionalLong field(Path file, String name) {
        return lines(file)
                .map(line -> line.split("\\s+"))
                .filter(words -> words.length >= 2 && words[0].equals(name))
                .mapToLong(words -> Long.parseLong(words[1]))
                .findFirst();
    }

    private static Stream<String> lines(Path file) {
        if (!Files.isRegularFile(file)) {
            return Stream.empty();
        }
        try {
            return Files.readAllLines(file).stream();
        } catch (IOException e) {
            throw environment("%s: cannot be read: %s", file, e);
        }
    }
}
