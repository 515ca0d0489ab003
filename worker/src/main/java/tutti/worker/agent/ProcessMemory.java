package tutti.worker.agent;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the operating system says this process holds. Pages of files, which is code of the JVM and of libraries, are not counted for a
 * memory plan: they come as code is run for the first time, and the kernel drops them when it needs room.
 */
final class ProcessMemory {
    private static final Logger LOG = LoggerFactory.getLogger(ProcessMemory.class);
    private static final Path CLEAR_REFS = Path.of("/proc/self/clear_refs");
    private static final Path STATUS = Path.of("/proc/self/status");

    private ProcessMemory() {}

    /** Resident bytes, or 0 where the system does not tell. */
    static long residentBytes() {
        return read("VmRSS:");
    }

    /** Resident bytes without those of files, or 0 where the system does not tell; what was held before no longer counts as a peak. */
    static long startOfPeak() {
        try {
            // proc(5): writing 5 brings VmHWM down to the current value.
            Files.writeString(CLEAR_REFS, "5");
        } catch (IOException e) {
            LOG.info("{} cannot be written: the measured peak may be that of loading: {}", CLEAR_REFS, e.toString());
        }
        return read("VmRSS:") - read("RssFile:");
    }

    /** The most that has been held since {@link #startOfPeak}, without pages of files, or 0 where the system does not tell. */
    static long peakBytes() {
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
