package tutti.deploy.bench;

import java.util.Locale;

/** How the ranks of a benchmark reach each other. */
public enum Transport {
    /** What a run on one node takes. */
    AUTO,
    /** Sums in memory that all ranks map. */
    SHM,
    /** Frames through Aeron's logs in shared memory. */
    IPC,
    /** Frames through Aeron over the loopback interface: every rank is a node of its own, with a media driver of its own. */
    UDP;

    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }
}
