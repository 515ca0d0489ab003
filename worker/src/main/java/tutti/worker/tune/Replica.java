package tutti.worker.tune;

import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tutti.worker.model.Linear;
import tutti.worker.model.LlamaConfig;
import tutti.worker.model.ParameterSpec;
import tutti.worker.model.Weight;
import tutti.worker.model.Weights;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.MemoryUse;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/**
 * The full set of weights that a worker holds: master weights, a copy in the compute dtype where that differs, and gradients,
 * each one flat buffer in one {@link FlatLayout}. Master weights that have a copy are as long as the rank's {@link ShardLayout}: only
 * the update reads them, and norms, which every rank has.
 */
public final class Replica implements Weights {
    /** Elements that are filled at once. */
    public static final int MOST = 1 << 18;

    private final Kernels kernels;
    private final FlatLayout layout;
    private final ShardLayout shard;
    private final Tensor master;
    private final Tensor compute;
    private final Optional<Gradients> gradients;
    /** Those that were asked for and learn. */
    private final Map<String, FullLinear> linears = new HashMap<>();

    private Replica(
            Kernels kernels,
            FlatLayout layout,
            ShardLayout shard,
            DType computeDType,
            Arena arena,
            Optional<Gradients> gradients) {
        this.kernels = kernels;
        this.layout = layout;
        this.shard = shard;
        Shape flat = Shape.of(layout.size());
        DType masterDType = kernels.masterDType();
        Shape updated = computeDType == masterDType ? flat : Shape.of(shard.size());
        this.master = arena.counting(MemoryUse.MASTER_WEIGHTS).take("master weights", masterDType, updated);
        this.compute = computeDType == masterDType
                ? master
                : arena.counting(MemoryUse.PARAMETERS).take("compute weights", computeDType, flat);
        this.gradients = gradients;
    }

    /** Every weight learns, and this rank updates every one. */
    public static Replica full(Kernels kernels, LlamaConfig config, DType compute, Arena arena) {
        FlatLayout layout = new FlatLayout(ParameterSpec.of(config));
        return full(kernels, layout, ShardLayout.whole(layout), GradientLayout.whole(layout), compute, arena, arena);
    }

    /**
     * Every weight learns; this rank updates those of its shard, which holds all norms.
     *
     * @param memory for the gradients that backward writes, {@link Gradients#bytes}
     */
    public static Replica full(
            Kernels kernels,
            FlatLayout layout,
            ShardLayout shard,
            GradientLayout gradients,
            DType compute,
            Arena arena,
            Arena memory) {
        return new Replica(
                kernels,
                layout,
                shard,
                compute,
                arena,
                Optional.of(new Gradients(gradients, kernels.masterDType(), memory, arena)));
    }

    /** No weight learns: for generation and evaluation. */
    public static Replica frozen(Kernels kernels, LlamaConfig config, DType compute, Arena arena) {
        FlatLayout layout = new FlatLayout(ParameterSpec.of(config));
        return new Replica(kernels, layout, ShardLayout.whole(layout), compute, arena, Optional.empty());
    }

    public FlatLayout layout() {
        return layout;
    }

    public ShardLayout shard() {
        return shard;
    }

    public DType masterDType() {
        return master.dtype();
    }

    /** True if products read a copy of the master weights. */
    public boolean hasCopy() {
        return compute != master;
    }

    /** True if this rank has the master weights of every element: always where they are what products read. */
    public boolean hasAllMasters() {
        return !hasCopy() || shard.whole();
    }

    /** The master weights of a part of the shard. */
    public Tensor master(ShardLayout.Segment segment) {
        return master.rows(hasAllMasters() ? segment.start() : segment.at(), segment.count());
    }

    /** The master weights of any elements, where this rank {@link #hasAllMasters}. */
    public Tensor master(long start, long count) {
        return master.rows(start, count);
    }

    /** (size) of the compute dtype: what products read; the master weights themselves where the dtypes are the same. */
    public Tensor compute() {
        return compute;
    }

    public Gradients gradients() {
        return gradients.orElseThrow();
    }

    /** Before the first backward of a step: products overwrite their gradients, and the others begin at zero. */
    public void beginGradients() {
        linears.values().forEach(FullLinear::begin);
        for (FlatLayout.Slot slot : layout.slots()) {
            if (!linears.containsKey(slot.spec().name())) {
                kernels.fill(gradients().of(slot), 0);
            }
        }
    }

    /** For a step without any backward. */
    public void zeroGradients(int part) {
        for (FlatLayout.Slot slot : layout.slots()) {
            if (slot.spec().part() == part) {
                kernels.fill(gradients().of(slot), 0);
            }
        }
    }

    /** Brings the compute copy up to date after the master weights of this rank changed. */
    public void refreshCompute() {
        for (ShardLayout.Segment segment : compute == master ? List.<ShardLayout.Segment>of() : shard.segments()) {
            kernels.copy(compute.rows(segment.start(), segment.count()), master(segment));
        }
    }

    /** Of all elements in any order, before the first step. */
    public Filling fill() {
        return new Filling();
    }

    /** Takes values of the master dtype, element by element what this rank keeps of them. */
    public final class Filling implements AutoCloseable {
        /** Where values become what products read that are no masters of this rank. */
        private final Arena arena;

        private final Tensor passing;

        private Filling() {
            Shape slice = Shape.of(hasAllMasters() ? 0 : MOST);
            arena = kernels.arena(
                    "weights on their way", slice.count() * master.dtype().bytes());
            passing = arena.take("slice", master.dtype(), slice);
        }

        /** @param values of at most {@link #MOST} elements from {@code start} on */
        public void put(long start, ByteBuffer values) {
            int width = master.dtype().bytes();
            long count = values.remaining() / width;
            for (ShardLayout.Segment segment : hasAllMasters()
                    ? List.of(new ShardLayout.Segment(start, count, start))
                    : shard.within(start, count)) {
                int from = (int) (segment.start() - start) * width;
                master(segment).write(values.slice(values.position() + from, (int) segment.count() * width));
            }
            if (!hasAllMasters()) {
                passing.rows(0, count).write(values.duplicate());
                kernels.copy(compute.rows(start, count), passing.rows(0, count));
            }
        }

        @Override
        public void close() {
            if (hasAllMasters()) {
                refreshCompute();
            }
            arena.close();
        }
    }

    /** Norms compute in the master dtype, tables in the compute dtype. */
    @Override
    public Weight weight(String name) {
        FlatLayout.Slot slot = layout.slot(name);
        Tensor value = slot.view(slot.spec().decays() ? compute : master);
        return new Weight(value, gradients.map(all -> all.of(slot)));
    }

    @Override
    public Linear linear(String name) {
        FlatLayout.Slot slot = layout.slot(name);
        FrozenLinear frozen = new FrozenLinear(kernels, slot.view(compute));
        return gradients
                .<Linear>map(all -> linears.computeIfAbsent(name, any -> new FullLinear(frozen, all.of(slot))))
                .orElse(frozen);
    }
}
