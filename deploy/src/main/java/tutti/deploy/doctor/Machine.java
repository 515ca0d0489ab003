package tutti.deploy.doctor;

import static tutti.deploy.doctor.Finding.missing;
import static tutti.deploy.doctor.Finding.ok;
import static tutti.deploy.doctor.Finding.warn;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The machine under a run.
 *
 * @param root where {@code proc}, {@code sys} and {@code dev} lie
 */
public record Machine(Path root) {
    private static final long MB = 1 << 20;

    /** A worker's Java heap may grow to 2 GB by default, and tensors lie beside it. */
    private static final long LEAST_MEMORY = 2048 * MB;

    /** A container's default, in which the gradient channels of two ranks fit. */
    private static final long LEAST_SHARED_MEMORY = 64 * MB;

    /** Aeron's default receive window between nodes. */
    private static final long RECEIVE_WINDOW = 128 << 10;

    /** The instructions that bf16 products need to be fast, by their names in /proc/cpuinfo (x86-64, aarch64). */
    private static final Set<String> BF16 = Set.of("avx512_bf16", "amx_bf16", "bf16");

    public static Machine here() {
        return new Machine(Path.of("/"));
    }

    public List<Finding> findings() {
        return List.of(java(), platform(), cores(), bf16(), memory(), memoryLimit(), sharedMemory(), receiveBuffer());
    }

    private static Finding java() {
        return ok("Java", System.getProperty("java.vm.name") + " " + Runtime.version());
    }

    private static Finding platform() {
        String value = System.getProperty("os.name") + " " + System.getProperty("os.arch");
        return value.equals("Linux amd64")
                ? ok("platform", value)
                : warn("platform", value, "Tutti is tested on Linux x86-64 only");
    }

    private Finding cores() {
        String model = cpu("model name").findFirst().map(name -> " of " + name).orElse("");
        return ok("cores", Runtime.getRuntime().availableProcessors() + model);
    }

    private Finding bf16() {
        Set<String> found = new TreeSet<>();
        Stream.concat(cpu("flags"), cpu("Features"))
                .flatMap(line -> Arrays.stream(line.split("\\s+")))
                .filter(BF16::contains)
                .forEach(found::add);
        return found.isEmpty()
                ? warn(
                        "bf16 instructions",
                        "none (avx512_bf16, amx_bf16)",
                        "--bf16 True saves memory but no time here; float32 may be faster")
                : ok("bf16 instructions", String.join(", ", found));
    }

    /** Values of the lines of /proc/cpuinfo with this key; one for each core. */
    private Stream<String> cpu(String key) {
        return read("proc/cpuinfo")
                .orElse("")
                .lines()
                .filter(line -> line.startsWith(key))
                .map(line -> line.substring(line.indexOf(':') + 1).strip());
    }

    private Finding memory() {
        long available = meminfo("MemAvailable");
        String value = "%s available of %s".formatted(size(available), size(meminfo("MemTotal")));
        return available >= LEAST_MEMORY
                ? ok("memory", value)
                : warn(
                        "memory",
                        value,
                        "a worker's Java heap alone may take 2 GB: end other programs, or lower TUTTI_WORKER_HEAP");
    }

    private long meminfo(String key) {
        return read("proc/meminfo")
                .orElse("")
                .lines()
                .filter(line -> line.startsWith(key + ":"))
                .map(line -> Long.parseLong(line.replaceAll("\\D+", "")) << 10)
                .findFirst()
                .orElse(0L);
    }

    /** The least limit of all control groups that this process is in, of either version. */
    private Finding memoryLimit() {
        long limit = read("proc/self/cgroup")
                .orElse("")
                .lines()
                .map(line -> line.split(":", 3))
                .filter(parts -> parts.length == 3 && (parts[1].isEmpty() || parts[1].equals("memory")))
                .flatMapToLong(parts -> parts[1].isEmpty()
                        ? limits("sys/fs/cgroup", parts[2], "memory.max").mapToLong(Long::parseLong)
                        : limits("sys/fs/cgroup/memory", parts[2], "memory.limit_in_bytes")
                                .mapToLong(Long::parseLong))
                .min()
                .orElse(Long.MAX_VALUE);
        // Version 1 writes "no limit" as a number above any memory.
        if (limit > meminfo("MemTotal")) {
            return ok("memory limit", "none");
        }
        return limit >= LEAST_MEMORY
                ? ok("memory limit", size(limit) + " (cgroup)")
                : warn("memory limit", size(limit) + " (cgroup)", "give the container more: docker run --memory");
    }

    /** From a group up to the root: in a container the group's own path may not be visible, the root then is the group. */
    private Stream<String> limits(String mount, String group, String file) {
        Path top = root.resolve(mount);
        Path own = top.resolve(group.substring(Math.min(1, group.length())));
        return Stream.iterate(own, path -> path != null && path.startsWith(top), Path::getParent)
                .flatMap(path -> read(root.relativize(path.resolve(file)).toString()).stream())
                .map(String::strip)
                .filter(text -> text.matches("\\d{1,19}"));
    }

    private Finding sharedMemory() {
        Path folder = root.resolve("dev/shm");
        if (!Files.isWritable(folder)) {
            return missing("/dev/shm", "not there or not writable", "mount -t tmpfs -o size=1g tmpfs /dev/shm");
        }
        try {
            FileStore store = Files.getFileStore(folder);
            String value = "%s free of %s".formatted(size(store.getUsableSpace()), size(store.getTotalSpace()));
            return store.getUsableSpace() >= LEAST_SHARED_MEMORY
                    ? ok("/dev/shm", value)
                    : warn(
                            "/dev/shm",
                            value,
                            "gradients between workers pass through it: docker run --shm-size 1g, or delete what is left there");
        } catch (IOException e) {
            return missing("/dev/shm", e.toString(), "mount -t tmpfs -o size=1g tmpfs /dev/shm");
        }
    }

    private Finding receiveBuffer() {
        Optional<String> text = read("proc/sys/net/core/rmem_max").map(String::strip);
        if (text.isEmpty()) {
            return ok("net.core.rmem_max", "not readable here; the host decides");
        }
        long bytes = Long.parseLong(text.get());
        return bytes >= RECEIVE_WINDOW
                ? ok("net.core.rmem_max", size(bytes))
                : warn(
                        "net.core.rmem_max",
                        size(bytes),
                        "gradients between nodes need 128 KiB: sysctl -w net.core.rmem_max=4194304");
    }

    /** Empty where the file is not there or not for us. */
    private Optional<String> read(String path) {
        // Files.readString asks for the first byte alone, and a file of /proc/sys gives nothing after its first answer.
        try (BufferedReader reader = Files.newBufferedReader(root.resolve(path))) {
            return Optional.of(reader.lines().collect(Collectors.joining("\n")));
        } catch (IOException | UncheckedIOException e) {
            return Optional.empty();
        }
    }

    private static String size(long bytes) {
        return bytes < 10 * MB
                ? "%d KiB".formatted(bytes >> 10)
                : bytes < 10 * 1024 * MB
                        ? "%d MiB".formatted(bytes / MB)
                        : String.format(Locale.ROOT, "%.1f GiB", bytes / 1024.0 / MB);
    }
}
