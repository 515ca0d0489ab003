package tutti.worker.train;

import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongUnaryOperator;
import tutti.common.checkpoint.SafetensorsWriter;
import tutti.common.config.PlanConfig;
import tutti.worker.model.BlockPolicy;
import tutti.worker.model.LlamaConfig;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.Device;
import tutti.worker.tensor.KernelSizes;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.MemoryUse;
import tutti.worker.tensor.PlanningArena;
import tutti.worker.tensor.Shape;
import tutti.worker.tune.Gradients;

/**
 * The peak of one worker, known before step 0: everything that a run takes beyond what the JVM, the backend's library and the
 * data set hold.
 *
 * @param bytes for every use
 * @param gradientBytes the part of those for gradients that backward writes: memory of their own, which ranks of a node may share
 * @param sumBytes the part of those for sums of virtual ranks that wait for others: it changes with the world size
 * @param blocks what each block keeps
 */
public record MemoryPlan(Map<MemoryUse, Long> bytes, long gradientBytes, long sumBytes, List<BlockPolicy> blocks) {

    public MemoryPlan {
        bytes = Collections.unmodifiableMap(new EnumMap<>(bytes));
        blocks = List.copyOf(blocks);
    }

    /**
     * Without weights, and without loading the backend.
     *
     * @param longest most tokens of a sample
     * @param communication bytes of the all-reduce on a worker, of the bytes of gradients that lie in its memory; of all workers the plan is rank 0's, whose shard is no smaller
     * @throws tutti.common.error.TuttiException (user) if a budget of activation memory is too small
     */
    public static MemoryPlan of(
            PlanConfig run, LlamaConfig model, KernelSizes sizes, int longest, LongUnaryOperator communication) {
        return of(run, model, sizes.withoutDevice(), Lengths.atMost(longest), 0, run.fewestWorkers(), communication);
    }

    static MemoryPlan of(
            PlanConfig run,
            LlamaConfig model,
            Kernels kernels,
            Lengths lengths,
            int rank,
            int worldSize,
            LongUnaryOperator communication) {
        PlanningArena arena = new PlanningArena();
        PlanningArena sums = new PlanningArena();
        Parts parts = Parts.of(run, model, kernels, lengths, rank, worldSize, arena, arena, sums, () -> 0);
        Map<MemoryUse, Long> bytes = new EnumMap<>(MemoryUse.class);
        for (MemoryUse use : MemoryUse.values()) {
            bytes.put(use, arena.byUse().getOrDefault(use, 0L));
        }
        bytes.merge(MemoryUse.GRADIENTS, sums.used(), Long::sum);
        bytes.put(MemoryUse.WORKSPACE, parts.workspaceBytes(kernels));
        bytes.put(MemoryUse.LIBRARY, kernels.libraryBytes());
        long written = Gradients.bytes(parts.replica().gradients().layout(), kernels.masterDType());
        // What travels from a device is copied to the host first.
        boolean travels = kernels.device().cuda() && worldSize > 1;
        long gradients = Arena.bytesFor(
                kernels.masterDType(), Shape.of(parts.replica().layout().size()));
        long staging = travels ? gradients : 0;
        // A checkpoint gathers the master weights of a bucket at a time.
        long gathered = parts.replica().hasAllMasters() ? 0 : parts.buckets().largest();
        bytes.put(
                MemoryUse.COMMUNICATION,
                communication.applyAsLong(kernels.takesHostMemory() ? written : 0) + staging + gathered);
        bytes.put(MemoryUse.CHECKPOINT, (long) SafetensorsWriter.SLICE_BYTES);
        return new MemoryPlan(bytes, written, sums.used(), parts.activations().blocks());
    }

    /** Bytes of the worker's arena: all but gradients that backward writes or that wait, and what kernels, their library and collectives hold themselves. */
    long arenaBytes() {
        return total()
                - gradientBytes
                - sumBytes
                - bytes.get(MemoryUse.WORKSPACE)
                - bytes.get(MemoryUse.LIBRARY)
                - bytes.get(MemoryUse.COMMUNICATION)
                - bytes.get(MemoryUse.CHECKPOINT);
    }

    /** Bytes of {@link #total} that lie in the memory of the node and not in that of a device of its own. */
    public long hostBytes(Device device) {
        return device.cuda() ? bytes.get(MemoryUse.COMMUNICATION) + bytes.get(MemoryUse.CHECKPOINT) : total();
    }

    public long total() {
        return bytes.values().stream().mapToLong(Long::longValue).sum();
    }
}
