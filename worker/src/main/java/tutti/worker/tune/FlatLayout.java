package tutti.worker.tune;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tutti.worker.model.ParameterSpec;
import tutti.worker.tensor.Tensor;

/**
 * Where each learning weight lies in a flat buffer: first all norms, which every rank keeps whole, then the matrices; both in the
 * order of the forward pass, each start aligned, so that the gradients that are ready first lie at the end. The same layout serves
 * weights, gradients and optimizer state.
 */
public final class FlatLayout {
    /** Elements: 64 bytes in bfloat16, the smallest compute dtype. */
    private static final int ALIGNMENT = 32;
    /** About so many grains, as far as their limits let them: a shard is even among few ranks even where the model is small. */
    private static final int GRAINS = 64;

    private static final int LEAST_GRAIN = 1024;
    private static final int LARGEST_GRAIN = 1 << 20;

    /** @param start element in the flat buffer */
    public record Slot(ParameterSpec spec, long start) {
        public Tensor view(Tensor flat) {
            return flat.rows(start, spec.shape().count()).view(spec.shape());
        }
    }

    private final Map<String, Slot> slots = new LinkedHashMap<>();
    private final List<Long> partStarts = new ArrayList<>();
    private final long replicated;
    private final long size;

    public FlatLayout(List<ParameterSpec> specs) {
        long at = 0;
        for (ParameterSpec spec : specs) {
            at = spec.decays() ? at : place(spec, at);
        }
        replicated = at;
        for (ParameterSpec spec : specs) {
            while (partStarts.size() <= spec.part()) {
                // Norms of any part are complete with the first one.
                partStarts.add(partStarts.isEmpty() ? 0 : at);
            }
            at = spec.decays() ? place(spec, at) : at;
        }
        size = at;
    }

    private long place(ParameterSpec spec, long at) {
        slots.put(spec.name(), new Slot(spec, at));
        return at + (spec.shape().count() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    /** Elements at the start, those of norms, that are too few to be sharded. */
    public long replicated() {
        return replicated;
    }

    /**
     * Elements that are never divided: a shard begins at a multiple of so many behind the start of a part's matrices, and squares are
     * summed over so many first. It follows from the model alone, so that sums have the same bits however many ranks there are.
     */
    public int grain() {
        long wanted = Long.highestOneBit(Math.max(1, size / GRAINS));
        return (int) Math.max(LEAST_GRAIN, Math.min(LARGEST_GRAIN, wanted));
    }

    /** Elements of a flat buffer, alignment included; the gaps stay zero. */
    public long size() {
        return size;
    }

    /** First element of a part's weights; see {@link ParameterSpec#part()}. */
    public long partStart(int part) {
        return partStarts.get(part);
    }

    /** First element behind a part's matrices. */
    public long partEnd(int part) {
        return part + 1 < partStarts.size() ? partStarts.get(part + 1) : size;
    }

    /** How many parts: the blocks, the embedding, the head. */
    public int parts() {
        return partStarts.size();
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
