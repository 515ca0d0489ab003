package tutti.coordinator.ledger;

import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Map;
import tutti.common.config.LedgerConfig;

/** A process that writes events until it is killed, and says the number of each that the ledger has taken. */
final class LedgerChild {
    static final String RUN = "fedcba9876543210";
    /** Somebody should have killed it long before. */
    private static final int ENOUGH = 100_000;

    private LedgerChild() {}

    public static void main(String[] args) {
        try (RunLedger ledger =
                new RunLedger(new LedgerConfig(""), Path.of(args[0]), RUN, false, Map.of(), InstantSource.system())) {
            for (int i = 1; i <= ENOUGH; i++) {
                ledger.happened("counted", Map.of("number", i));
                System.out.println(i);
            }
        }
    }
}
