package tutti.deploy.bench;

import static tutti.common.error.TuttiException.require;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import tutti.common.config.TrainConfig.Backend;
import tutti.worker.model.LlamaConfig;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Device;
import tutti.worker.tensor.Dimensions;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.PlanningArena;
import tutti.worker.train.Backends;

/**
 * Every operation of a backend, one at a time, at the sizes of a model, against the matmul ceiling on the same threads.
 *
 * @param clock nanoseconds
 */
public record KernelBench(LongSupplier clock) {
    private static final long WARMUP = 100_000_000L;
    private static final long SAMPLE = 20_000_000L;
    private static final int SAMPLES = 11;

    /**
     * What is measured.
     *
     * @param batch sequences
     * @param sequence tokens of a sequence
     * @param dtype of activations, or null for the quickest that the backend has: BF16, else its master dtype
     * @param threads that compute
     */
    public record Options(
            BenchShape shape, int batch, int sequence, Backend backend, Device device, DType dtype, int threads) {
        public Options {
            require(batch >= 1, "--per_device_train_batch_size=%d: at least 1", batch);
            require(threads >= 1, "--threads=%d: at least 1", threads);
        }
    }

    /** @throws tutti.common.error.TuttiException (user) if the backend has no such dtype */
    public KernelReport run(Options options) {
        Supplier<Kernels> open = () -> Backends.open(options.backend(), options.device(), options.threads());
        Timing timing = new Timing(clock, WARMUP, SAMPLE, SAMPLES);
        try (Kernels kernels = open.get()) {
            DType compute = compute(kernels, options.dtype());
            Ceiling ceiling = new Ceiling(open, compute, 1, timing);
            double before = ceiling.gflops();
            List<KernelReport.Row> rows = measure(kernels, options, compute, timing);
            return KernelReport.of(options, kernels.name(), compute, rows, Math.max(before, ceiling.gflops()));
        }
    }

    private static List<KernelReport.Row> measure(Kernels kernels, Options options, DType compute, Timing timing) {
        LlamaConfig c = options.shape().config();
        int batch = options.batch();
        int length = options.sequence();
        kernels.reserve(
                new Dimensions(
                        Math.multiplyExact(batch, length),
                        length,
                        c.hidden(),
                        c.intermediate(),
                        c.heads(),
                        c.kvHeads(),
                        c.headDim(),
                        c.vocabulary()),
                compute);
        PlanningArena plan = new PlanningArena();
        new KernelCases(kernels, c, compute, batch, length, plan);
        List<KernelReport.Row> rows = new ArrayList<>();
        try (Arena arena = kernels.arena("kernel benchmark", plan.used())) {
            KernelCases cases = new KernelCases(kernels, c, compute, batch, length, arena);
            cases.fill();
            for (KernelCase one : cases.list()) {
                rows.add(KernelReport.row(one, timing.secondsPerCall(one.call())));
            }
        }
        return rows;
    }

    private static DType compute(Kernels kernels, DType wanted) {
        if (wanted == null) {
            return kernels.computeDTypes().contains(DType.BF16) ? DType.BF16 : kernels.masterDType();
        }
        require(
                kernels.computeDTypes().contains(wanted),
                "--dtype %s: the %s backend has %s",
                wanted.name().toLowerCase(Locale.ROOT),
                kernels.name(),
                kernels.computeDTypes().toString().toLowerCase(Locale.ROOT));
        return wanted;
    }
}
