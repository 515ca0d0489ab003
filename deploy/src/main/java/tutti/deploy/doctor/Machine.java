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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import tutti.common.error.TuttiException;
import tutti.deploy.agent.AvailableMemory;
import tutti.worker.tensor.torch.Bf16Products;

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
        List<Finding> findings = new ArrayList<>(List.of(java(), platform(), cores(), bf16(), bf16Products()));
        findings.addAll(memory());
        findings.add(sharedMemory());
        findings.add(receiveBuffer());
        return findings;
    }

    /** The processor's name and the number of cores that this process may use; beside a number that was measured here. */
    public String processor() {
        int cores = Runtime.getRuntime().availableProcessors();
        String name = model().orElseGet(() -> System.getProperty("os.arch"));
        return "%s, %d %s".formatted(name, cores, cores == 1 ? "core" : "cores");
    }

    private Optional<String> model() {
        return cpu("model name").findFirst();
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
        String model = model().map(name -> " of " + name).orElse("");
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

    private Finding bf16Products() {
        return ok(
                "bf16 products",
                Bf16Products.of(read("proc/cpuinfo").orElse("")).toString());
    }

    /** Values of the lines of /proc/cpuinfo with this key; one for each core. */
    private Stream<String> cpu(String key) {
        return read("proc/cpuinfo")
                .orElse("")
                .lines()
                .filter(line -> line.startsWith(key))
                .map(line -> line.substring(line.indexOf(':') + 1).strip());
    }

    private List<Finding> memory() {
        AvailableMemory memory = new AvailableMemory(root);
        try {
            return List.of(available(memory), limit(memory));
        } catch (TuttiException e) {
            return List.of(missing("memory", e.getMessage(), "a run asks this before it starts: mount /proc"));
        }
    }

    private static Finding available(AvailableMemory memory) {
        long available = memory.bytes();
        String value = "%s available of %s".formatted(size(available), size(memory.total()));
        return available >= LEAST_MEMORY
                ? ok("memory", value)
                : warn(
                        "memory",
                        value,
                        "a worker's Java heap alone may take 2 GB: end other programs, or lower TUTTI_WORKER_HEAP");
    }

    private static Finding limit(AvailableMemory memory) {
        OptionalLong limit = memory.limit();
        if (limit.isEmpty()) {
            return ok("memory limit", "none");
        }
        String value = size(limit.getAsLong()) + " (cgroup)";
        return limit.getAsLong() >= LEAST_MEMORY
                ? ok("memory limit", value)
                : warn("memory limit", value, "give the container more: docker run --memory");
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
