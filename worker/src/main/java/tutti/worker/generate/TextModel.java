package tutti.worker.generate;

import java.nio.file.Path;
import java.util.Map;
import java.util.function.Consumer;
import tutti.common.config.TrainConfig.Backend;
import tutti.common.config.TrainConfig.DeviceKind;
import tutti.common.token.Tokenizer;
import tutti.worker.checkpoint.WeightLoader;
import tutti.worker.model.LlamaConfig;
import tutti.worker.model.LlamaDecoder;
import tutti.worker.model.ParameterSpec;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Device;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.PlanningArena;
import tutti.worker.train.Backends;
import tutti.worker.tune.Replica;

/** A model folder ready for inference: weights, tokenizer, and the kernels that run them. Owns all of it. */
public final class TextModel implements AutoCloseable {
    /** Below so many weights a token is a row of tiny kernels, and threads would wait for each other more than compute. */
    private static final long WORTH_THREADS = 32_000_000;

    private final LlamaConfig config;
    private final Tokenizer tokenizer;
    private final Kernels kernels;
    private final DType compute;
    private final Arena arena;
    private final Replica replica;

    private TextModel(LlamaConfig config, Tokenizer tokenizer, Kernels kernels, DType compute) {
        this.config = config;
        this.tokenizer = tokenizer;
        this.kernels = kernels;
        this.compute = compute;
        PlanningArena plan = new PlanningArena();
        Replica.frozen(kernels, config, compute, plan);
        this.arena = kernels.arena("weights", plan.used());
        try {
            this.replica = Replica.frozen(kernels, config, compute, arena);
        } catch (RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    /**
     * What computes.
     *
     * @param threads on the CPU
     */
    public record Engine(Backend backend, Device device, boolean bf16, int threads) {
        /** On the device that {@code --device auto} takes. */
        public Engine(Backend backend, boolean bf16, int threads) {
            this(backend, Backends.device(backend, DeviceKind.AUTO, 0), bf16, threads);
        }
    }

    /** The weights of a folder in Hugging Face layout. */
    public static TextModel load(Path folder, Engine engine) {
        return open(folder, engine, model -> WeightLoader.load(folder, model.config, model.replica));
    }

    /** Random weights for a folder that has config and tokenizer only: what a run with the same seed starts from. */
    public static TextModel random(Path folder, Engine engine, long seed) {
        return open(folder, engine, model -> WeightLoader.random(model.config, model.replica, seed));
    }

    /** What was opened is closed again when a later step fails. */
    private static TextModel open(Path folder, Engine engine, Consumer<TextModel> fill) {
        LlamaConfig config = LlamaConfig.read(folder);
        Tokenizer tokenizer = Tokenizer.open(folder);
        TextModel model;
        try {
            model = of(
                    config,
                    tokenizer,
                    engine.bf16(),
                    Backends.open(engine.backend(), engine.device(), engine.threads()));
        } catch (RuntimeException e) {
            tokenizer.close();
            throw e;
        }
        try {
            fill.accept(model);
            return model;
        } catch (RuntimeException e) {
            model.close();
            throw e;
        }
    }

    private static TextModel of(LlamaConfig config, Tokenizer tokenizer, boolean bf16, Kernels kernels) {
        try {
            return new TextModel(config, tokenizer, kernels, bf16 ? DType.BF16 : kernels.masterDType());
        } catch (RuntimeException e) {
            kernels.close();
            throw e;
        }
    }

    /** Threads that serve a model of this size best: {@code OMP_NUM_THREADS} if set, else one for a small model, else all cores. */
    public static int usefulThreads(Path folder, Map<String, String> environment) {
        return usefulThreads(folder, environment, 1);
    }

    /** As above for each of so many processes, which share the cores. */
    public static int usefulThreads(Path folder, Map<String, String> environment, int processes) {
        String given = environment.getOrDefault("OMP_NUM_THREADS", "");
        if (given.matches("[1-9]\\d{0,3}")) {
            return Integer.parseInt(given);
        }
        long weights = ParameterSpec.of(LlamaConfig.read(folder)).stream()
                .mapToLong(spec -> spec.shape().count())
                .sum();
        return weights < WORTH_THREADS ? 1 : Math.max(1, Runtime.getRuntime().availableProcessors() / processes);
    }

    public Tokenizer tokenizer() {
        return tokenizer;
    }

    public LlamaConfig config() {
        return config;
    }

    Kernels kernels() {
        return kernels;
    }

    DType compute() {
        return compute;
    }

    Replica replica() {
        return replica;
    }

    /** For one sequence at a time. */
    public Generator generator(int capacity) {
        return generator(1, capacity);
    }

    /**
     * The caller closes it before this model.
     *
     * @param slots most sequences at once
     * @param capacity most tokens of one sequence
     */
    public Generator generator(int slots, int capacity) {
        PlanningArena plan = new PlanningArena();
        decoder(plan, slots, capacity);
        Arena memory = kernels.arena("decoder", plan.used());
        try {
            return new Generator(decoder(memory, slots, capacity), memory::close);
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    private LlamaDecoder decoder(Arena memory, int slots, int capacity) {
        return new LlamaDecoder(config, kernels, compute, replica, memory, slots, capacity);
    }

    @Override
    public void close() {
        tokenizer.close();
        arena.close();
        kernels.close();
    }
}
