package tutti.coordinator.run;

import java.util.ArrayList;
import java.util.List;
import tutti.common.metrics.StepMetrics;

/**
 * The steps of a run in bounded memory. When it is full every second step is dropped and from then on only every second one
 * is kept, so that what remains is spread evenly over the whole run; the newest step is always there. Not thread-safe.
 */
final class StepHistory {
    private final int capacity;
    private final List<StepMetrics> kept = new ArrayList<>();
    /** One step of this many is kept. */
    private long stride = 1;
    /** Steps added so far; {@code kept.get(i)} was number {@code i * stride}. */
    private long seen;

    private StepMetrics newest;

    StepHistory(int capacity) {
        if (capacity < 2) {
            throw new IllegalArgumentException("capacity=" + capacity + ", need at least 2");
        }
        this.capacity = capacity;
    }

    /** A step number that is not above the newest one means a rollback: what came after it did not happen. */
    void add(StepMetrics step) {
        if (newest != null && step.step() <= newest.step()) {
            forgetFrom(step.step());
        }
        // One place stays free for the newest step, which list() appends.
        if (seen % stride == 0 && kept.size() == capacity - 1) {
            halve();
        }
        if (seen % stride == 0) {
            kept.add(step);
        }
        seen++;
        newest = step;
    }

    List<StepMetrics> list() {
        List<StepMetrics> all = new ArrayList<>(kept);
        if (newest != null && (kept.isEmpty() || kept.get(kept.size() - 1) != newest)) {
            all.add(newest);
        }
        return List.copyOf(all);
    }

    private void forgetFrom(long step) {
        while (!kept.isEmpty() && kept.get(kept.size() - 1).step() >= step) {
            kept.remove(kept.size() - 1);
        }
        seen = kept.size() * stride;
    }

    private void halve() {
        List<StepMetrics> even = new ArrayList<>();
        for (int i = 0; i < kept.size(); i += 2) {
            even.add(kept.get(i));
        }
        kept.clear();
        kept.addAll(even);
        stride *= 2;
    }
}
