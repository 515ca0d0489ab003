package tutti.deploy.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** What a number was measured on. */
final class Machine {
    private static final Path CPU_INFO = Path.of("/proc/cpuinfo");

    private Machine() {}

    /** The processor's name and the number of cores that this process may use. */
    static String processor() {
        int cores = Runtime.getRuntime().availableProcessors();
        return "%s, %d %s".formatted(model(), cores, cores == 1 ? "core" : "cores");
    }

    private static String model() {
        try (Stream<String> lines = Files.lines(CPU_INFO)) {
            return lines.filter(line -> line.startsWith("model name"))
                    .map(line -> line.replaceFirst(".*: *", "").strip())
                    .findFirst()
                    .orElseGet(() -> System.getProperty("os.arch"));
        } catch (IOException e) {
            // No Linux: the architecture is what Java knows.
            return System.getProperty("os.arch");
        }
    }
}
