package tutti.deploy.bench;

import static tutti.common.error.TuttiException.require;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import tutti.common.config.LaunchConfig;
import tutti.common.config.RunConfig;
import tutti.common.config.Settings;
import tutti.common.config.TrainConfig.Backend;
import tutti.common.config.TrainConfig.DeviceKind;
import tutti.common.metrics.StepMetrics;
import tutti.deploy.agent.Agent;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Device;
import tutti.worker.tensor.KernelSizes;
import tutti.worker.tensor.Kernels;
import tutti.worker.train.Backends;

/**
 * Optimizer steps of a real run: agent, coordinator and workers as {@code tutti run} starts them, on random tokens, in a folder
 * that is gone afterwards. The matmul ceiling is measured before and after it, with as many workers and threads.
 *
 * @param launcher starts the run
 * @param err gets what the run said if it fails
 * @param clock nanoseconds
 * @param environment of this process
 */
public record StepBench(Launcher launcher, PrintStream err, LongSupplier clock, Map<String, String> environment) {
    /** Samples are seen again after so many steps: a longer file would say nothing more. */
    private static final int DISTINCT_STEPS = 64;

    private static final long CEILING_WARMUP = 100_000_000L;
    private static final long CEILING_SAMPLE = 60_000_000L;
    private static final int CEILING_SAMPLES = 5;

    /** Starts a run on this node and waits for its end. */
    public interface Launcher {
        /**
         * @param out gets all that the run says
         * @return its exit code
         */
        int run(Settings settings, RunConfig config, PrintStream out);
    }

    /**
     * What is measured.
     *
     * @param batch sequences of one worker's step
     * @param sequence tokens of a sequence
     * @param checkpointing as {@code --gradient_checkpointing} takes it
     * @param activationGb as {@code --activation_memory_gb} takes it
     * @param zero as {@code --zero} takes it
     * @param steps timed
     * @param warmup steps before those
     */
    public record Options(
            BenchShape shape,
            int workers,
            int batch,
            int sequence,
            boolean bf16,
            String checkpointing,
            String activationGb,
            int zero,
            int steps,
            int warmup,
            Backend backend,
            DeviceKind device,
            int seed) {
        public Options {
            require(steps >= 1, "--steps=%d: at least 1", steps);
            require(warmup >= 0, "--warmup=%d: not below 0", warmup);
        }

        /** Settings of {@code tutti run}. */
        private Settings settings(BenchFolder folder) {
            Map<String, String> flags = new LinkedHashMap<>();
            flags.put("nproc_per_node", Integer.toString(workers));
            flags.put("model_name_or_path", folder.model().toString());
            flags.put("init_from_config", "True");
            flags.put("model_max_length", Integer.toString(sequence));
            flags.put("data_path", folder.data().toString());
            flags.put("output_dir", folder.output().toString());
            flags.put("bf16", Boolean.toString(bf16));
            flags.put("gradient_checkpointing", checkpointing);
            flags.put("activation_memory_gb", activationGb);
            flags.put("zero", Integer.toString(zero));
            flags.put("per_device_train_batch_size", Integer.toString(batch));
            flags.put("max_steps", Integer.toString(Math.addExact(warmup, steps)));
            flags.put("learning_rate", "1e-3");
            flags.put("lr_scheduler_type", "constant");
            flags.put("save_strategy", "no");
            flags.put("save_final_model", "False");
            flags.put("logging_steps", "1");
            flags.put("backend", backend.word());
            flags.put("device", device.word());
            flags.put("seed", Integer.toString(seed));
            return Settings.of(flags, null);
        }
    }

    /** An exit code that is not 0, or what was measured. */
    public record Outcome(int exitCode, Optional<StepResult> result) {}

    /** @throws tutti.common.error.TuttiException (user, data, environment) before anything is started */
    public Outcome run(Options options) {
        try (BenchFolder folder = new BenchFolder()) {
            Settings settings = options.settings(folder);
            RunConfig config = RunConfig.read(settings);
            LaunchConfig launch = config.launch();
            int threads = Agent.threads(launch, environment);
            int batch = config.train().globalBatch(launch.worldSize());
            int distinct = (int) Math.min(DISTINCT_STEPS, config.train().maxSteps());
            folder.write(options.shape(), Math.multiplyExact(batch, distinct), options.sequence(), options.seed());

            Timing timing = new Timing(clock, CEILING_WARMUP, CEILING_SAMPLE, CEILING_SAMPLES);
            Device device = Backends.device(options.backend(), options.device(), 0);
            Supplier<Kernels> kernels = () -> Backends.open(options.backend(), device, threads);
            KernelSizes backend = Backends.sizes(options.backend(), device);
            DType compute = options.bf16() ? DType.BF16 : backend.master();
            Ceiling ceiling = new Ceiling(kernels, compute, launch.worldSize(), timing);
            double before = ceiling.gflops();
            int code = launch(folder, settings, config);
            if (code != 0) {
                return new Outcome(code, Optional.empty());
            }
            double after = ceiling.gflops();
            List<StepMetrics> timed = folder.steps().stream()
                    .filter(step -> step.step() > options.warmup())
                    .toList();
            return new Outcome(
                    0,
                    Optional.of(StepResult.of(
                            options,
                            config.train().checkpointing().policy().word(),
                            backend.name(),
                            compute,
                            threads,
                            timed,
                            Math.max(before, after),
                            folder.peaks())));
        }
    }

    /** Quietly: what the run says is shown only if it fails by itself. */
    private int launch(BenchFolder folder, Settings settings, RunConfig config) {
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        PrintStream quiet = new PrintStream(said, true, StandardCharsets.UTF_8);
        int code = folder.use(() -> launcher.run(settings, config, quiet));
        if (code != 0 && !folder.ending()) {
            err.print(said.toString(StandardCharsets.UTF_8));
        }
        return code;
    }
}
