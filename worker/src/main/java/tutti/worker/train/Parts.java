package tutti.worker.train;

import static tutti.common.error.TuttiException.require;

import java.util.Optional;
import java.util.function.LongSupplier;
import java.util.stream.Stream;
import tutti.common.config.PlanConfig;
import tutti.worker.batch.BatchBuilder;
import tutti.worker.gradient.BucketPlan;
import tutti.worker.gradient.PartialSums;
import tutti.worker.model.ActivationPlan;
import tutti.worker.model.Llama;
import tutti.worker.model.LlamaConfig;
import tutti.worker.model.LlamaDecoder;
import tutti.worker.model.ParameterSpec;
import tutti.worker.optim.AdamW;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Dimensions;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.MemoryUse;
import tutti.worker.tune.FlatLayout;
import tutti.worker.tune.GradientLayout;
import tutti.worker.tune.Gradients;
import tutti.worker.tune.Replica;

/** What takes memory. Built once on an arena that only counts, for the {@link MemoryPlan}, then on a real one of that size. */
record Parts(
        ActivationPlan activations,
        BucketPlan buckets,
        Replica replica,
        PartialSums partialSums,
        AdamW optimizer,
        Llama model,
        BatchBuilder batches,
        Optional<EvalParts> evaluation) {

    /**
     * What an evaluation takes beyond the activations of a step, which it uses between two steps.
     *
     * @param batches apart, so that no held-out sample changes how a batch of the training is padded
     * @param decoder where answers are asked for, with a slot for each question of a micro-batch
     */
    record EvalParts(BatchBuilder batches, Optional<LlamaDecoder> decoder) {
        static EvalParts of(
                PlanConfig run, LlamaConfig model, Kernels kernels, Lengths lengths, Replica replica, Arena arena) {
            DType compute = compute(run, kernels);
            int longest = Math.min(model.maxPositions(), run.model().maxLength());
            int most =
                    (int) Math.min(longest, (long) lengths.asked() + run.eval().maxNewTokens());
            int slots = Math.min(run.evalBatchSize(), lengths.questions());
            return new EvalParts(
                    new BatchBuilder(arena.counting(MemoryUse.BATCH), run.evalBatchSize(), lengths.heldOut()),
                    run.eval().answers()
                            ? Optional.of(new LlamaDecoder(
                                    model, kernels, compute, replica, arena.counting(MemoryUse.ANSWERS), slots, most))
                            : Optional.empty());
        }
    }

    /**
     * @param worldSize of the run in which this is {@code rank}
     * @param gradients takes what backward writes of them, {@link #gradientBytes}
     * @param sums takes those of virtual ranks that wait for others
     */
    static Parts of(
            PlanConfig run,
            LlamaConfig model,
            Kernels kernels,
            Lengths lengths,
            int rank,
            int worldSize,
            Arena arena,
            Arena gradients,
            Arena sums,
            LongSupplier clock) {
        DType compute = compute(run, kernels);
        int batch = run.train().batchSize();
        int longest = lengths.trained();
        require(
                (long) batch * Math.max(longest, lengths.heldOut()) <= Integer.MAX_VALUE,
                "--per_device_train_batch_size=%d times %d tokens of the longest sample: at most %d",
                batch,
                Math.max(longest, lengths.heldOut()),
                Integer.MAX_VALUE);
        ActivationPlan activations = ActivationPlan.training(
                model,
                kernels.masterDType(),
                compute,
                Math.max(batch * longest, run.evalBatchSize() * lengths.heldOut()),
                Math.max(longest, lengths.heldOut()),
                run.train().checkpointing());
        BucketPlan buckets = buckets(run, model, kernels.masterDType(), worldSize);
        FlatLayout layout = buckets.layout();
        Replica replica = Replica.full(
                kernels,
                layout,
                buckets.shard(rank),
                gradientLayout(run, buckets, rank, worldSize),
                compute,
                arena,
                gradients);
        PartialSums partialSums = partialSums(run, replica, kernels, worldSize, sums);
        AdamW optimizer = new AdamW(kernels, run.optim(), replica, arena.counting(MemoryUse.OPTIMIZER));
        Llama llama = new Llama(activations, kernels, replica, arena, clock);
        BatchBuilder batches = new BatchBuilder(arena.counting(MemoryUse.BATCH), batch, longest);
        Optional<EvalParts> evaluation = run.eval().evaluates()
                ? Optional.of(EvalParts.of(run, model, kernels, lengths, replica, arena))
                : Optional.empty();
        return new Parts(activations, buckets, replica, partialSums, optimizer, llama, batches, evaluation);
    }

    /**
     * The same weights, moments and activations, for another rank or world size.
     *
     * @param sums as in {@link #of}; what those of before lie in is not used any more
     */
    Parts cutFor(PlanConfig run, LlamaConfig model, Kernels kernels, int worldSize, Arena sums) {
        if (!replica.shard().whole()) {
            throw new IllegalStateException("a shard of weights cannot be cut for another world size");
        }
        return new Parts(
                activations,
                buckets(run, model, kernels.masterDType(), worldSize),
                replica,
                partialSums(run, replica, kernels, worldSize, sums),
                optimizer,
                this.model,
                batches,
                evaluation);
    }

    /** Bytes of scratch that kernels hold for a step, or for the answers of an evaluation where those take more. */
    long workspaceBytes(Kernels kernels) {
        return dimensions()
                .mapToLong(one -> kernels.workspaceBytes(one, activations.compute()))
                .max()
                .orElseThrow();
    }

    /** Has the kernels take {@link #workspaceBytes} now. */
    void reserve(Kernels kernels) {
        dimensions().forEach(one -> kernels.reserve(one, activations.compute()));
    }

    private Stream<Dimensions> dimensions() {
        return Stream.concat(
                Stream.of(activations.dimensions()),
                evaluation.flatMap(EvalParts::decoder).map(LlamaDecoder::dimensions).stream());
    }

    private static DType compute(PlanConfig run, Kernels kernels) {
        return run.train().bf16() ? DType.BF16 : kernels.masterDType();
    }

    private static PartialSums partialSums(
            PlanConfig run, Replica replica, Kernels kernels, int worldSize, Arena sums) {
        return new PartialSums(
                replica.layout(), replica.gradients(), kernels, run.train().virtualRanksEach(worldSize), sums);
    }

    private static BucketPlan buckets(PlanConfig run, LlamaConfig model, DType master, int worldSize) {
        return new BucketPlan(
                new FlatLayout(ParameterSpec.of(model)),
                master.bytes(),
                run.allReduce().bucketBytes(),
                worldSize,
                run.optim().zero() > 0);
    }

    private static GradientLayout gradientLayout(PlanConfig run, BucketPlan buckets, int rank, int worldSize) {
        return run.optim().zero() == 2 && hasOneBackward(run, worldSize)
                ? GradientLayout.windows(buckets.layout(), buckets.shard(rank))
                : GradientLayout.whole(buckets.layout());
    }

    /** False where backwards before a step's last one add to gradients of this rank alone: until then all of them have to be there. */
    static boolean hasOneBackward(PlanConfig run, int worldSize) {
        return run.train().accumulation() == 1 && run.train().virtualRanksEach(worldSize) == 1;
    }

    /** Bytes of the gradients that backward writes, the same on all ranks. */
    static long gradientBytes(PlanConfig run, LlamaConfig model, DType master, int worldSize) {
        return Gradients.bytes(gradientLayout(run, buckets(run, model, master, worldSize), 0, worldSize), master);
    }
}
