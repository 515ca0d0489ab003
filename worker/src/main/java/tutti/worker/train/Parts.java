package tutti.worker.train;

import static tutti.common.error.TuttiException.require;

import java.util.function.LongSupplier;
import tutti.common.config.PlanConfig;
import tutti.worker.batch.BatchBuilder;
import tutti.worker.gradient.BucketPlan;
import tutti.worker.model.ActivationPlan;
import tutti.worker.model.Llama;
import tutti.worker.model.LlamaConfig;
import tutti.worker.model.ParameterSpec;
import tutti.worker.optim.AdamW;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.MemoryUse;
import tutti.worker.tune.FlatLayout;
import tutti.worker.tune.Replica;

/** What takes memory. Built once on an arena that only counts, for the {@link MemoryPlan}, then on a real one of that size. */
record Parts(
        ActivationPlan activations,
        BucketPlan buckets,
        Replica replica,
        AdamW optimizer,
        Llama model,
        BatchBuilder batches) {

    /**
     * @param longest most tokens of a sample
     * @param worldSize of the run in which this is {@code rank}
     * @param gradients takes them alone
     */
    static Parts of(
            PlanConfig run,
            LlamaConfig model,
            Kernels kernels,
            int longest,
            int rank,
            int worldSize,
            Arena arena,
            Arena gradients,
            LongSupplier clock) {
        DType compute = run.train().bf16() ? DType.BF16 : kernels.masterDType();
        int batch = run.train().batchSize();
        require(
                (long) batch * longest <= Integer.MAX_VALUE,
                "--per_device_train_batch_size=%d times %d tokens of the longest sample: at most %d",
                batch,
                longest,
                Integer.MAX_VALUE);
        ActivationPlan activations = ActivationPlan.training(
                model,
                kernels.masterDType(),
                compute,
                batch * longest,
                longest,
                run.train().checkpointing());
        FlatLayout layout = new FlatLayout(ParameterSpec.of(model));
        BucketPlan buckets = new BucketPlan(
                layout,
                kernels.masterDType().bytes(),
                run.allReduce().bucketBytes(),
                worldSize,
                run.optim().zero() > 0);
        Replica replica = Replica.full(kernels, layout, buckets.shard(rank), compute, arena, gradients);
        AdamW optimizer = new AdamW(kernels, run.optim(), replica, arena.counting(MemoryUse.OPTIMIZER));
        Llama llama = new Llama(activations, kernels, replica, arena, clock);
        BatchBuilder batches = new BatchBuilder(arena.counting(MemoryUse.BATCH), batch, longest);
        return new Parts(activations, buckets, replica, optimizer, llama, batches);
    }
}
