package tutti.coordinator.run;

import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import tutti.common.protocol.WorkerReport.Finished;
import tutti.common.protocol.WorkerReport.Ready;

/** Planned and measured peak of every rank, in bytes beyond what its process held before it took memory for training. */
final class PeakMemory {
    private final Map<Integer, Long> planned = new TreeMap<>();
    private final Map<Integer, Long> measured = new TreeMap<>();

    void add(Ready ready) {
        // What is measured is the highest of all generations, whose world sizes may differ.
        planned.merge(ready.rank(), ready.plannedBytes(), Math::max);
    }

    void add(Finished finished) {
        measured.put(finished.rank(), finished.measuredBytes());
    }

    /** By rank. */
    Map<Integer, Long> planned() {
        return planned;
    }

    /** By rank; 0 where the system does not tell. */
    Map<Integer, Long> measured() {
        return measured;
    }

    /** One line about the rank with the highest peak; empty where nothing was measured. */
    Optional<String> summary() {
        return measured.entrySet().stream()
                .filter(rank -> rank.getValue() > 0)
                .max(Comparator.comparingLong(Map.Entry::getValue))
                .map(rank -> {
                    long plan = planned.get(rank.getKey());
                    return "memory: planned %,d MiB, measured %,d MiB a worker (%.1f %%)"
                            .formatted(plan >> 20, rank.getValue() >> 20, 100.0 * rank.getValue() / plan);
                });
    }
}
