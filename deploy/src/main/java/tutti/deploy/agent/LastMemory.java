package tutti.deploy.agent;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What a process held when somebody last looked: Linux forgets it with the process, and one that ran out of memory tells nobody. */
final class LastMemory {
    private static final String RESIDENT = "VmRSS:";

    private final Path status;
    private volatile String figures = "";

    LastMemory(long pid) {
        this.status = Path.of("/proc", Long.toString(pid), "status");
    }

    /** @param free bytes that processes of this machine could take besides */
    void look(long free) {
        try {
            Files.readAllLines(status).stream()
                    .filter(line -> line.startsWith(RESIDENT))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                    .findFirst()
                    .ifPresent(kilobytes -> figures = "it held %,d MiB, and %,d MiB of this machine's were free"
                            .formatted(kilobytes >> 10, free >> 20));
        } catch (IOException e) {
            // Gone: what was seen last stands.
        }
    }

    /** For a person; empty if nobody looked while it lived. */
    String figures() {
        return figures;
    }
}
