package tutti.worker.train;

import static tutti.common.error.TuttiException.require;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.LongSupplier;
import java.util.function.LongUnaryOperator;
import tutti.common.checkpoint.Manifest;
import tutti.common.config.RunConfig;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.protocol.StepShard;
import tutti.common.token.ChatTemplates;
import tutti.common.token.TokenizedExample;
import tutti.worker.allreduce.Collectives;
import tutti.worker.allreduce.Partition;
import tutti.worker.allreduce.SymmetricMemory;
import tutti.worker.batch.Batch;
import tutti.worker.checkpoint.CheckpointWriter;
import tutti.worker.checkpoint.OptimizerShards;
import tutti.worker.checkpoint.PartWriter;
import tutti.worker.checkpoint.TrainerState;
import tutti.worker.checkpoint.WeightLoader;
import tutti.worker.gradient.GradientBuckets;
import tutti.worker.model.LlamaConfig;
import tutti.worker.model.LlamaDecoder;
import tutti.worker.optim.LearningRate;
import tutti.worker.samples.SampleSource;
import tutti.worker.samples.TokenCache;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Device;
import tutti.worker.tensor.Kernels;

/**
 * Everything one rank needs for training, wired: data, kernels, memory, model, optimizer. {@link #load} makes it, {@link #begin}
 * fixes the length of the run, {@link #step} trains, {@link #close} frees all memory. One training thread uses it.
 */
public final class Trainer implements AutoCloseable {
    private static final long NOTHING = -1;
    /** So many in a row are no bad samples: the weights are. */
    private static final int MOST_LEFT_OUT = 10;
    /** In which the slowest disk must have given the weights. */
    private static final Duration LOADING = Duration.ofMinutes(30);

    private final RunConfig config;
    private final LlamaConfig model;
    private final LongSupplier clock;
    private final Progress progress;
    private final int threads;
    private final TrainingSet data;
    private final Numbering numbering;
    private final ShardReader reader;
    private final Optional<HeldOut> heldOut;
    /** As it was when training began: its file may be gone when a later generation begins. */
    private final Optional<String> chatTemplate;

    private final Kernels kernels;
    private MemoryPlan plan;
    private final long baseBytes;
    private final Optional<SymmetricMemory> symmetric;
    private final Arena arena;
    private final Arena gradients;
    private Arena sums;
    private Parts parts;
    private Collectives collectives;
    private CheckpointWriter writer;
    private PartWriter saving;
    /** Steps that weights and optimizer state have behind them; -1 while they are not whole. */
    private long completed = NOTHING;

    private final List<String> notes;
    private GradientBuckets buckets;
    private TrainStep step;
    private long totalSteps;
    /** Steps in a row, up to now. */
    private int leftOut;

    private Trainer(
            RunConfig config,
            Collectives collectives,
            Host host,
            TrainingSet data,
            Numbering numbering,
            Optional<HeldOut> heldOut,
            LlamaConfig model,
            Kernels kernels,
            Optional<SymmetricMemory> symmetric,
            Origin origin,
            List<String> notes) {
        this.config = config;
        this.model = model;
        this.collectives = collectives;
        this.clock = host.clock();
        this.progress = host.progress();
        this.threads = host.threads();
        this.data = data;
        this.numbering = numbering;
        this.heldOut = heldOut;
        this.kernels = kernels;
        this.symmetric = symmetric;
        this.notes = notes;
        this.chatTemplate = ChatTemplates.toKeep(config.encoding().chatTemplate());
        Lengths lengths = lengths();
        int rank = collectives.rank();
        int worldSize = collectives.worldSize();
        this.plan = MemoryPlan.of(config.plan(), model, kernels, lengths, rank, worldSize, host.communication());
        this.baseBytes = host.heldBytes().getAsLong();
        this.arena = kernels.arena("replica", plan.arenaBytes());
        this.gradients = symmetric
                .map(memory -> kernels.arena("gradients", memory.buffer()))
                .orElseGet(() -> kernels.arena("gradients", plan.gradientBytes()));
        this.sums = kernels.arena("waiting sums", plan.sumBytes());
        try {
            this.parts =
                    Parts.of(config.plan(), model, kernels, lengths, rank, worldSize, arena, gradients, sums, clock);
            parts.reserve(kernels);
            join(collectives);
            read(origin);
            this.reader =
                    new ShardReader(data.samples(), numbering, config.train().batchSize());
        } catch (RuntimeException e) {
            sums.close();
            gradients.close();
            arena.close();
            throw e;
        }
    }

    /**
     * Loads data and weights.
     *
     * @param collectives owned by the caller, who keeps them open as long as this
     * @throws tutti.common.error.TuttiException (data, user, environment) before anything is trained
     */
    public static Trainer load(RunConfig config, Collectives collectives, Origin origin, Host host) {
        List<String> notes = new ArrayList<>();
        Path folder = config.model().folder();
        LlamaConfig model = LlamaConfig.read(folder);
        int maxLength = config.model().maxLength();
        if (maxLength > model.maxPositions()) {
            notes.add("--model_max_length %d is more than max_position_embeddings=%d of the model: %d is used"
                    .formatted(maxLength, model.maxPositions(), model.maxPositions()));
            maxLength = model.maxPositions();
        }
        if (config.optim().zero() == 2 && !Parts.hasOneBackward(config.plan(), collectives.worldSize())) {
            notes.add(
                    ("--zero 2 with --gradient_accumulation_steps %d and %d virtual ranks a worker: gradients are kept whole, "
                                    + "as with --zero 1")
                            .formatted(
                                    config.train().accumulation(),
                                    config.train().virtualRanksEach(collectives.worldSize())));
        }
        Kernels kernels = Backends.open(
                config.train().backend(),
                Backends.device(config.train().backend(), config.train().device(), host.localRank()),
                host.threads());
        Optional<SymmetricMemory> symmetric = Optional.empty();
        Optional<HeldOut> heldOut = Optional.empty();
        Optional<TrainingSet> loaded = Optional.empty();
        try {
            if (kernels.takesHostMemory()) {
                // First, while all ranks have just come: tokenising and loading may take them minutes, and some longer.
                symmetric = collectives.symmetricMemory(
                        Parts.gradientBytes(config.plan(), model, kernels.masterDType(), collectives.worldSize()));
            }
            TrainingSet data = TrainingSet.load(
                    SampleSource.of(
                            config.data(), config.encoding(), folder, maxLength, model.vocabulary(), host.threads()),
                    new TokenCache(config.cache().folder(System.getenv(), Path.of(System.getProperty("user.home")))),
                    host.loading());
            loaded = Optional.of(data);
            notes.addAll(data.notes());
            notes.add("data: " + data.report().summary()
                    + (data.template().isEmpty() ? "" : "; chat template " + data.template()));
            notes.addAll(data.report().warnings());
            Numbering numbering = new Numbering(
                    config.batches(),
                    config.data(),
                    config.train().seed(),
                    data.lengths(),
                    data.counts(),
                    data.fingerprint(),
                    maxLength);
            notes.addAll(numbering.notes());
            if (config.eval().evaluates()) {
                heldOut = Optional.of(HeldOut.load(config, folder, maxLength, model.vocabulary()));
                notes.addAll(heldOut.get().notes());
            }
            Trainer trainer = new Trainer(
                    config, collectives, host, data, numbering, heldOut, model, kernels, symmetric, origin, notes);
            notes.add("model: %,d parameters in %s on %s, %,d MiB a worker%s"
                    .formatted(
                            trainer.parameters(),
                            config.train().bf16()
                                    ? "bf16"
                                    : kernels.masterDType().toString().toLowerCase(Locale.ROOT),
                            kernels.name(),
                            (trainer.plan.total() >> 20) + 1,
                            kernels.device().cuda() ? " on a CUDA device" : ""));
            return trainer;
        } catch (RuntimeException e) {
            heldOut.ifPresent(HeldOut::close);
            loaded.ifPresent(TrainingSet::close);
            symmetric.ifPresent(SymmetricMemory::close);
            kernels.close();
            throw e;
        }
    }

    /** Can it take part there with what it has? Not where it holds the shard of another rank or world size. */
    public boolean fits(Collectives next) {
        return config.optim().zero() == 0 || isLike(next);
    }

    private boolean isLike(Collectives next) {
        return next.rank() == collectives.rank() && next.worldSize() == collectives.worldSize();
    }

    /**
     * Takes part in the next generation, where it {@link #fits}; weights, moments and data stay. The old collectives are closed by now.
     *
     * @param origin as in {@link #load}; with {@link Origin.Peer} this rank's state stays until {@link #receive}
     * @param communication as {@link Host} has it, of the next collectives
     */
    public void rejoin(Collectives next, Origin origin, LongUnaryOperator communication) {
        saving.abandon();
        symmetric.ifPresent(SymmetricMemory::forgetOthers);
        if (kernels.takesHostMemory()) {
            // Gradients stay where they are, which newcomers have not mapped: from here on sums go through rings.
            next.symmetricMemory(0);
        }
        if (!isLike(next)) {
            cutFor(next, communication);
        }
        join(next);
        read(origin);
    }

    private Lengths lengths() {
        return new Lengths(
                numbering.longest(),
                heldOut.map(HeldOut::longest).orElse(0),
                heldOut.map(HeldOut::longestPrompt).orElse(0),
                heldOut.map(HeldOut::mostPrompts).orElse(0));
    }

    /** Virtual ranks are dealt anew, and so are the elements whose squares a rank sums. */
    private void cutFor(Collectives next, LongUnaryOperator communication) {
        plan = MemoryPlan.of(config.plan(), model, kernels, lengths(), next.rank(), next.worldSize(), communication);
        sums.close();
        sums = kernels.arena("waiting sums", plan.sumBytes());
        parts = parts.cutFor(config.plan(), model, kernels, next.worldSize(), sums);
        buckets = null;
    }

    private void join(Collectives next) {
        collectives = next;
        writer = CheckpointWriter.of(
                config.model().folder(),
                chatTemplate,
                parts.replica(),
                parts.optimizer(),
                parts.buckets(),
                collectives);
        saving = new PartWriter(writer, collectives);
    }

    private void read(Origin origin) {
        if (origin instanceof Origin.Peer) {
            return;
        }
        completed = NOTHING;
        leftOut = 0;
        completed = origin instanceof Origin.Checkpoint checkpoint ? resume(checkpoint.folder()) : start();
    }

    /**
     * All ranks take weights and optimizer state of one, which has them whole; all ranks call it. Where they are sharded no rank has.
     *
     * @param steps that the state has behind it
     * @throws tutti.common.error.TuttiException (peer) if a rank is lost on the way; then a rank that had other state has none
     */
    public void receive(int from, long steps) {
        require(
                from != collectives.rank() || completed == steps,
                Category.BUG,
                "rank %d is to give the state behind step %d, and has the one behind step %d",
                from,
                steps,
                completed);
        if (completed != steps) {
            completed = NOTHING;
        }
        new StateTransfer(kernels, parts.replica(), parts.optimizer(), parts.buckets(), collectives).from(from);
        completed = steps;
    }

    /** State that was read stands for this many steps: samples between were left out. */
    public void skipTo(long steps) {
        completed = Math.max(completed, steps);
    }

    private long start() {
        parts.optimizer().reset();
        if (config.model().initFromConfig()) {
            WeightLoader.random(model, parts.replica(), config.train().seed());
        } else {
            WeightLoader.load(config.model().folder(), model, parts.replica());
        }
        return 0;
    }

    private long resume(Path checkpoint) {
        TrainerState state = TrainerState.read(checkpoint);
        require(
                state.fingerprint().equals(fingerprint()),
                Category.USER,
                "--resume_from_checkpoint %s: it was trained on other data (or cut at another --model_max_length, or with another"
                        + " --packing, --group_by_length or --data_weights)",
                checkpoint);
        notes.addAll(state.departures(config.train().seed(), globalBatch(), virtualRanks(), threads));
        WeightLoader.load(checkpoint, model, parts.replica());
        OptimizerShards.read(checkpoint, parts.replica(), parts.optimizer());
        parts.optimizer().resume(state.updates());
        return state.globalStep();
    }

    private int globalBatch() {
        return config.train().globalBatch(collectives.worldSize());
    }

    private int virtualRanks() {
        return config.train().virtualRanks(collectives.worldSize());
    }

    /** That an epoch deals out. */
    public int samples() {
        return numbering.count();
    }

    public long labelledTokens() {
        return data.report().labelledTokens();
    }

    public String fingerprint() {
        return numbering.fingerprint();
    }

    /** What all ranks must have read alike: {@link #fingerprint}, and behind a plus that of the held-out samples where there are some. */
    public String fingerprintOfAll() {
        return fingerprint() + heldOut.map(set -> "+" + set.fingerprint()).orElse("");
    }

    /** Where something is evaluated. */
    public Optional<HeldOut> heldOut() {
        return heldOut;
    }

    /** Decodes with the weights that are trained, between two steps; where answers are asked for. */
    public Optional<LlamaDecoder> decoder() {
        return parts.evaluation().flatMap(Parts.EvalParts::decoder);
    }

    /** Sum of the cross-entropy over the labelled tokens of at most {@code PlanConfig.evalBatchSize} held-out samples; between two steps. */
    public double loss(List<TokenizedExample> samples) {
        Batch batch = parts.evaluation().orElseThrow().batches().build(samples);
        parts.model().forward(batch, progress::gotOn);
        return parts.model().loss(batch);
    }

    /** Those of the generation that runs. */
    public Collectives collectives() {
        return collectives;
    }

    public Progress progress() {
        return progress;
    }

    /** Nanoseconds. */
    public LongSupplier clock() {
        return clock;
    }

    public long parameters() {
        return parts.replica().layout().parameters();
    }

    /** The peak that this run was planned to have. */
    public MemoryPlan plan() {
        return plan;
    }

    /** Bytes that the process held before it took what the plan names: JVM, backend, data set; 0 where the system does not tell. */
    public long baseBytes() {
        return baseBytes;
    }

    public Device device() {
        return kernels.device();
    }

    /** Steps that weights and optimizer state have behind them; -1 while they are not whole. */
    public long completed() {
        return completed;
    }

    /** Is all state of the optimizer on every rank? */
    public boolean holdsWhole() {
        return parts.replica().shard().whole();
    }

    /** One line each, for the person at the terminal. */
    public List<String> notes() {
        return List.copyOf(notes);
    }

    /** @param totalSteps length of the run, which the learning rate needs */
    public void begin(long totalSteps) {
        this.totalSteps = totalSteps;
        if (buckets == null) {
            buckets = new GradientBuckets(
                    parts.buckets(),
                    parts.replica().gradients(),
                    collectives,
                    kernels,
                    config.train().virtualRanksEach(collectives.worldSize()),
                    config.allReduce().reduceDType(),
                    clock);
        }
        buckets.rejoin(collectives);
        step = new TrainStep(
                kernels,
                parts.model(),
                parts.replica(),
                parts.optimizer(),
                new LearningRate(config.optim(), totalSteps),
                parts.batches(),
                parts.partialSums(),
                buckets,
                collectives,
                saving,
                config.guards().onNonfinite(),
                progress,
                clock);
    }

    /** @param next what comes behind it, where that is known */
    TrainStep.Result step(StepShard shard, Optional<StepShard> next) {
        long whole = completed;
        // A step that fails on its way may have changed some weights and not others, where they are sharded.
        completed = holdsWhole() ? whole : NOTHING;
        try {
            long begun = clock.getAsLong();
            List<Shard> samples = reader.take(shard);
            next.ifPresent(reader::readAhead);
            TrainStep.Result result = step.run(shard.step(), samples, begun);
            completed = shard.step() + 1;
            leftOut = result.leftOut().isEmpty() ? 0 : leftOut + 1;
            return result;
        } catch (RuntimeException | Error e) {
            // What was expected to go wrong goes wrong before the update; of anything else nobody knows.
            completed = e instanceof TuttiException || e instanceof NonfiniteStep ? completed : NOTHING;
            throw e;
        }
    }

    /** @throws TuttiException (numeric) if too many steps in a row were left out up to this one */
    void requireUpdates(TrainStep.Result last) {
        require(
                leftOut < MOST_LEFT_OUT,
                Category.NUMERIC,
                "%d steps in a row were left out, the last one because its %s; lower --learning_rate",
                leftOut,
                last.leftOut());
    }

    /**
     * Begins to write this rank's part of a checkpoint of what it holds.
     *
     * @param folder is there
     * @param steps behind it
     * @param epoch so many epochs are
     */
    void save(Path folder, long steps, double epoch, PartWriter.Outcome outcome) {
        TrainerState state = new TrainerState(
                steps,
                parts.optimizer().updates(),
                totalSteps,
                epoch,
                config.train().seed(),
                samples(),
                globalBatch(),
                virtualRanks(),
                collectives.worldSize(),
                threads,
                fingerprint());
        progress.waits("taking a checkpoint after step " + steps);
        saving.begin(folder, state, outcome);
    }

    /** Returns when the last part that was begun has ended. */
    void awaitSaved() {
        progress.waits("waiting for a checkpoint to be written");
        saving.awaitDone();
    }

    /** All ranks read the weights of this checkpoint; they train no more, since the optimizer's state is not read. */
    void takeWeights(Path checkpoint) {
        completed = NOTHING;
        progress.waits("loading " + checkpoint.getFileName());
        Manifest.Verdict verdict = Manifest.verify(checkpoint);
        require(
                verdict.ok(),
                Category.ENVIRONMENT,
                "%s is the best checkpoint, and damaged: %s; --resume_from_checkpoint True without --load_best_model_at_end ends with the "
                        + "last weights",
                checkpoint,
                String.join(", ", verdict.problems()));
        WeightLoader.load(checkpoint, model, parts.replica());
        // A slow disk is no lost rank.
        int ranks = collectives.worldSize();
        collectives.allGatherAndWait(
                "the best model is loaded",
                ByteBuffer.allocateDirect(ranks * Long.BYTES),
                DType.I64,
                Partition.even(ranks, ranks),
                LOADING);
    }

    void writeFinal(Path folder) {
        progress.waits("writing the final model");
        writer.writeFinal(folder);
    }

    /** SHA-256 over the master weights, in lower-case hex; all ranks ask. */
    String weightsHash() {
        progress.waits("hashing the weights");
        return writer.weightsHash();
    }

    /** Closes the collectives and the writing of checkpoints first: they use this memory. */
    @Override
    public void close() {
        collectives.close();
        saving.close();
        sums.close();
        gradients.close();
        symmetric.ifPresent(SymmetricMemory::close);
        heldOut.ifPresent(HeldOut::close);
        arena.close();
        kernels.close();
        reader.close();
        data.close();
    }
}
