package tutti.worker.tune;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tutti.worker.model.ParameterSpec;
import tutti.worker.tensor.Tensor;

/**
 * Where each learning weight lies in a flat buffer: in the order of the forward pass, each start aligned, so that the gradients
 * that are ready first lie at the end. The same layout serves weights, gradients and optimizer state.
 */
public final class FlatLayout {
    /** Elements: 64 bytes in bfloat16, the smallest compute dtype. */
    private static final int ALIGNMENT = 32;

    /** @param start element in the flat buffer */
    public record Slot(ParameterSpec spec, long start) {
        public Tensor view(Tensor flat) {
            return flat.rows(start, spec.shape().count()).view(spec.shape());
        }
    }

    private final Map<String, Slot> slots = new LinkedHashMap<>();
    private final List<Long> partStarts = new ArrayList<>();
    private final long size;

    public FlatLayout(List<ParameterSpec> specs) {
        long at = 0;
        for (ParameterSpec spec : specs) {
            while (partStarts.size() <= spec.part()) {
                partStarts.add(at);
            }
            slots.put(spec.name(), new Slot(spec, at));
            at += (spec.shape().count() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        }
        size = at;
    }

    /** Elements of a flat buffer, alignment included; the gaps stay zero. */
    public long size() {
        return size;
    }

    /** First element of a part's weights; see {@link ParameterSpec#part()}. */
    public long partStart(int part) {
        return partStarts.get(part);
    }

    public List<Slot> slots() {
        return List.copyOf(slots.values());
    }

    public Slot slot(String name) {
        return slots.get(name);
    }

    /** Weights without alignment gaps. */
    public long parameters() {
        return slots.values().stream()
                .mapToLong(slot -> slot.spec().shape().count())
                .sum();
    }
}
