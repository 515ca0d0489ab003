package tutti.deploy.agent;

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
public record AvailableMemory(Path root) {
    /** File names of a group's limit, its use, and the field of its reclaimable page cache. */
    private record Names(String limit, String used, String cache) {}

    private static final Names V1 = new Names("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file");
    private static final Names V2 = new Names("memory.max", "memory.current", "inactive_file");

    public static AvailableMemory here() {
        return new AvailableMemory(Path.of("/"));
    }

    /** @throws tutti.common.error.TuttiException (environment) if {@code /proc/meminfo} does not tell */
    public long bytes() {
        return groups().flatMapToLong(group -> group.free().stream()).reduce(machine("MemAvailable"), Math::min);
    }

    /** All memory of the machine. */
    public long total() {
        return machine("MemTotal");
    }

    /** The least limit of the groups; empty where none is tighter than the machine. */
    public OptionalLong limit() {
        long total = total();
        // Version 1 writes "no limit" as a number above any memory.
        return groups().flatMapToLong(group -> group.limit().stream())
                .filter(limit -> limit <= total)
                .min();
    }

    private long machine(String name) {
        return field(root.resolve("proc/meminfo"), name + ":")
                        .orElseThrow(() -> environment("/proc/meminfo: no %s; Tutti runs on Linux", name))
                << 10;
    }

    private Stream<Group> groups() {
        return lines(root.resolve("proc/self/cgroup")).flatMap(this::groups);
    }

    /** One line's group and every group around it: {@code 0::/job} or {@code 4:memory:/job}. */
    private Stream<Group> groups(String line) {
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
    private static Stream<Group> upwards(Path mount, String path, Names names) {
        Path group = mount.resolve(path.replaceFirst("^/+", "")).normalize();
        return Stream.iterate(group, folder -> folder != null && folder.startsWith(mount), Path::getParent)
                .map(folder -> new Group(folder, names));
    }

    private record Group(Path folder, Names names) {
        OptionalLong limit() {
            return number(folder.resolve(names.limit));
        }

        OptionalLong free() {
            OptionalLong limit = limit();
            OptionalLong used = number(folder.resolve(names.used));
            if (limit.isEmpty() || used.isEmpty()) {
                return OptionalLong.empty();
            }
            long cache = field(folder.resolve("memory.stat"), names.cache).orElse(0);
            return OptionalLong.of(Math.max(0, limit.getAsLong() - used.getAsLong() + cache));
        }
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
