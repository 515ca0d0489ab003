package tutti.common.config;

import static tutti.common.error.TuttiException.require;

import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * How a step computes and how many there are.
 *
 * @param batchSize sequences of one micro-batch of a virtual rank
 * @param accumulation micro-batches of a virtual rank in one optimizer step
 * @param virtualRanks among which a step's sequences are dealt and whose gradients are summed; 0: as many as there are workers
 * @param maxSteps optimizer steps, or -1 to count by epochs
 * @param device where each worker keeps its replica
 */
public record TrainConfig(
        boolean bf16,
        int batchSize,
        int accumulation,
        int virtualRanks,
        GradientCheckpointing checkpointing,
        double epochs,
        long maxSteps,
        long seed,
        Backend backend,
        DeviceKind device) {

    /** Who computes. */
    public enum Backend {
        AUTO,
        TORCH,
        ND4J,
        REFERENCE;

        public String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Where a worker computes. */
    public enum DeviceKind {
        /** A CUDA device if this build has the natives for it, else the CPU. */
        AUTO,
        CPU,
        /** One device a worker: {@code cuda:N} for the worker with local rank N. */
        CUDA;

        public String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private static final int MAX_BATCH = 1_000_000;

    public TrainConfig {
        require(
                batchSize >= 1 && batchSize <= MAX_BATCH,
                "--per_device_train_batch_size=%d: 1 to %d",
                batchSize,
                MAX_BATCH);
        require(
                accumulation >= 1 && accumulation <= MAX_BATCH,
                "--gradient_accumulation_steps=%d: 1 to %d",
                accumulation,
                MAX_BATCH);
        require(
                virtualRanks >= 0 && virtualRanks <= LaunchConfig.MAX_WORKERS,
                "--virtual_ranks=%d: 1 to %d, or 0 for one a worker",
                virtualRanks,
                LaunchConfig.MAX_WORKERS);
        require(epochs > 0 || maxSteps > 0, "--num_train_epochs=%s: more than 0, or give --max_steps", epochs);
        require(maxSteps == -1 || maxSteps > 0, "--max_steps=%d: more than 0, or -1 to count by epochs", maxSteps);
        require(!(bf16 && backend == Backend.REFERENCE), "--bf16 True: the reference backend computes in float64 only");
        require(
                device != DeviceKind.CUDA || backend == Backend.AUTO || backend == Backend.TORCH,
                "--device cuda: --backend %s has no such device; --backend torch has",
                backend.word());
    }

    /** Virtual ranks of a run with so many workers. */
    public int virtualRanks(int worldSize) {
        return virtualRanks == 0 ? worldSize : virtualRanks;
    }

    /** Virtual ranks that each of so many workers holds. */
    public int virtualRanksEach(int worldSize) {
        return virtualRanks(worldSize) / worldSize;
    }

    /** Can so many workers hold the virtual ranks? Each has a power of two of them: what it adds up is then a subtree of all sums. */
    public boolean canBeHeldBy(int worldSize) {
        int each = virtualRanksEach(worldSize);
        return each * worldSize == virtualRanks(worldSize) && Integer.bitCount(each) == 1;
    }

    /** The most of so many workers that can hold the virtual ranks, which are given; 0: no number of them can. */
    public int mostHeldBy(int workers) {
        return IntStream.rangeClosed(1, workers).filter(this::canBeHeldBy).max().orElse(0);
    }

    /** Can the workers of all nodes, and of as few nodes as there may be? */
    public boolean canBeHeldBy(LaunchConfig launch) {
        return launch.elastic() ? mostHeldBy(launch.fewestWorkers()) > 0 : canBeHeldBy(launch.worldSize());
    }

    void requireHeldBy(LaunchConfig launch) {
        if (!launch.elastic()) {
            requireHeldBy(launch.worldSize());
            return;
        }
        require(
                canBeHeldBy(launch),
                "--nnodes=%d:%d: %d virtual ranks are dealt in powers of two, and %d nodes have %d workers, who cannot hold them; "
                        + "use --virtual_ranks %d, or more nodes for MIN",
                launch.minNodes(),
                launch.nnodes(),
                virtualRanks,
                launch.minNodes(),
                launch.fewestWorkers(),
                Integer.highestOneBit(launch.worldSize()));
    }

    private void requireHeldBy(int worldSize) {
        require(
                canBeHeldBy(worldSize),
                "--virtual_ranks=%d: %d workers cannot hold them: each holds the same power of two; use %s workers in all; "
                        + "or --virtual_ranks %d",
                virtualRanks,
                worldSize,
                IntStream.rangeClosed(1, virtualRanks)
                        .filter(this::canBeHeldBy)
                        .mapToObj(Integer::toString)
                        .collect(Collectors.joining(" or ")),
                worldSize * Integer.highestOneBit(Math.max(1, virtualRanks / worldSize)));
    }

    /** Sequences of one optimizer step over all virtual ranks. */
    public int globalBatch(int worldSize) {
        return Math.multiplyExact(Math.multiplyExact(batchSize, accumulation), virtualRanks(worldSize));
    }

    public TrainConfig with(GradientCheckpointing other) {
        return new TrainConfig(
                bf16, batchSize, accumulation, virtualRanks, other, epochs, maxSteps, seed, backend, device);
    }

    public TrainConfig inBf16() {
        return new TrainConfig(
                true, batchSize, accumulation, virtualRanks, checkpointing, epochs, maxSteps, seed, backend, device);
    }

    /** The same global batch, each micro-batch cut into {@code parts}, which divides the batch size. */
    public TrainConfig cut(int parts) {
        return new TrainConfig(
                bf16,
                batchSize / parts,
                accumulation * parts,
                virtualRanks,
                checkpointing,
                epochs,
                maxSteps,
                seed,
                backend,
                device);
    }

    /** Where nodes come and go the number of virtual ranks stays: that of the workers of all nodes, unless it is given. */
    static TrainConfig read(Settings settings, LaunchConfig launch) {
        int virtualRanks = settings.int32(Keys.VIRTUAL_RANKS);
        return new TrainConfig(
                settings.flag(Keys.BF16),
                settings.int32(Keys.PER_DEVICE_TRAIN_BATCH_SIZE),
                settings.int32(Keys.GRADIENT_ACCUMULATION_STEPS),
                virtualRanks == 0 && launch.elastic() ? launch.worldSize() : virtualRanks,
                GradientCheckpointing.read(settings),
                settings.number(Keys.NUM_TRAIN_EPOCHS),
                settings.integer(Keys.MAX_STEPS),
                settings.integer(Keys.SEED),
                settings.choice(Keys.BACKEND, Backend.class),
                settings.choice(Keys.DEVICE, DeviceKind.class));
    }
}
