package tutti.worker.agent;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What the operating system says this process holds. */
final class ProcessMemory {
    private static final Path STATUS = Path.of("/proc/self/status");

    private ProcessMemory() {}

    /** Resident bytes, or 0 where the system does not tell. */
    static long residentBytes() {
        return read("VmRSS:");
    }

    /** The most that was resident so far, or 0 where the system does not tell. */
    static long peakBytes() {
        return read("VmHWM:");
    }

    private static long read(String field) {
        if (!Files.isReadable(STATUS)) {
            return 0;
        }
        try {
            for (String line : Files.readAllLines(STATUS)) {
                if (line.startsWith(field)) {
                    return Long.parseLong(line.replaceAll("\\D", "")) << 10;
                }
            }
            return 0;
        } catch (IOException e) {
            return 0;
        }
    }
}
