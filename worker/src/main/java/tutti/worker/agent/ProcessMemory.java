package tutti.worker.agent;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What the operating system says this process holds. Pages of files, which is code of the JVM and of libraries, are not counted for a
 * memory plan: they come as code is run for the first time, and the kernel drops them when it needs room.
 */
final class ProcessMemory {
    private static final Path STATUS = Path.of("/proc/self/status");

    private ProcessMemory() {}

    /** Resident bytes, or 0 where the system does not tell. */
    static long residentBytes() {
        return read("VmRSS:");
    }

    /** Resident bytes without those of files, or 0 where the system does not tell. */
    static long heldBytes() {
        return read("VmRSS:") - read("RssFile:");
    }

    /** The most that {@link #heldBytes} has been so far, or 0 where the system does not tell. */
    static long mostHeldBytes() {
        return read("VmHWM:") - read("RssFile:");
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
