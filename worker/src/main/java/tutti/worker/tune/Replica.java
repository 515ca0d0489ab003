package tutti.worker.tune;

import java.util.HashMap;
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
 * each one flat buffer in one {@link FlatLayout}.
 */
public final class Replica implements Weights {
    private final Kernels kernels;
    private final FlatLayout layout;
    private final Tensor master;
    private final Tensor compute;
    private final Optional<Tensor> gradients;
    /** Those that were asked for and learn. */
    private final Map<String, FullLinear> linears = new HashMap<>();

    private Replica(Kernels kernels, LlamaConfig config, DType computeDType, Arena arena, boolean learns) {
        this.kernels = kernels;
        this.layout = new FlatLayout(ParameterSpec.of(config));
        Shape flat = Shape.of(layout.size());
        DType masterDType = kernels.masterDType();
        this.master = arena.counting(MemoryUse.MASTER_WEIGHTS).take("master weights", masterDType, flat);
        this.compute = computeDType == masterDType
                ? master
                : arena.counting(MemoryUse.PARAMETERS).take("compute weights", computeDType, flat);
        this.gradients = learns
                ? Optional.of(arena.counting(MemoryUse.GRADIENTS).take("gradients", masterDType, flat))
                : Optional.empty();
    }

    /** Every weight learns. */
    public static Replica full(Kernels kernels, LlamaConfig config, DType compute, Arena arena) {
        return new Replica(kernels, config, compute, arena, true);
    }

    /** No weight learns: for generation and evaluation. */
    public static Replica frozen(Kernels kernels, LlamaConfig config, DType compute, Arena arena) {
        return new Replica(kernels, config, compute, arena, false);
    }

    public FlatLayout layout() {
        return layout;
    }

    /** (size) of the master dtype. */
    public Tensor master() {
        return master;
    }

    /** (size) of the compute dtype: what products read; the master weights themselves where the dtypes are the same. */
    public Tensor compute() {
        return compute;
    }

    /** (size) of the master dtype, added to by backward. */
    public Tensor gradients() {
        return gradients.orElseThrow();
    }

    /** Before the first backward of a step: products overwrite their gradients, and the others begin at zero. */
    public void beginGradients() {
        linears.values().forEach(FullLinear::begin);
        for (FlatLayout.Slot slot : layout.slots()) {
            if (!linears.containsKey(slot.spec().name())) {
                kernels.fill(slot.view(gradients()), 0);
            }
        }
    }

    /** For a step without any backward. */
    public void zeroGradients() {
        kernels.fill(gradients(), 0);
    }

    /** Brings the compute copy up to date after the master weights changed. */
    public void refreshCompute() {
        if (compute != master) {
            kernels.copy(compute, master);
        }
    }

    /** Norms compute in the master dtype, tables in the compute dtype. */
    @Override
    public Weight weight(String name) {
        FlatLayout.Slot slot = layout.slot(name);
        Tensor value = slot.view(slot.spec().decays() ? compute : master);
        return new Weight(value, gradients.map(slot::view));
    }

    @Override
    public Linear linear(String name) {
        FlatLayout.Slot slot = layout.slot(name);
        FrozenLinear frozen = new FrozenLinear(kernels, slot.view(compute));
        return gradients
                .<Linear>map(flat -> linears.computeIfAbsent(name, any -> new FullLinear(frozen, slot.view(flat))))
                .orElse(frozen);
    }
}
