package tutti.worker.train;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongSupplier;
import tutti.common.config.GuardConfig.OnNonfinite;
import tutti.common.protocol.WorkerReport.StepTimes;
import tutti.common.protocol.WorkerReport.StepWire;
import tutti.common.token.TokenizedExample;
import tutti.worker.allreduce.CollectiveCounts;
import tutti.worker.allreduce.Collectives;
import tutti.worker.batch.Batch;
import tutti.worker.batch.BatchBuilder;
import tutti.worker.checkpoint.PartWriter;
import tutti.worker.gradient.GradientBuckets;
import tutti.worker.gradient.PartialSums;
import tutti.worker.model.GradientListener;
import tutti.worker.model.Llama;
import tutti.worker.optim.AdamW;
import tutti.worker.optim.LearningRate;
import tutti.worker.tensor.Kernels;
import tutti.worker.tune.Replica;

/**
 * The spine: one optimizer step, every stage in order.
 *
 * <p>Loss and gradient are divided once, by the number of labelled tokens of the whole global batch on all ranks: never a mean of
 * means. So the result does not depend on how the batch is split into ranks, micro-batches and accumulation, but for the last bits;
 * and not even those on how many of the virtual ranks this worker holds.
 *
 * @param saving what a checkpoint still reads must not change
 * @param clock nanoseconds
 */
record TrainStep(
        Kernels kernels,
        Llama model,
        Replica replica,
        AdamW optimizer,
        LearningRate learningRate,
        BatchBuilder batches,
        PartialSums partialSums,
        GradientBuckets buckets,
        Collectives collectives,
        PartWriter saving,
        OnNonfinite onNonfinite,
        Progress progress,
        LongSupplier clock) {

    /**
     * @param lossSum over the labelled tokens of all ranks
     * @param labelled tokens of all ranks with a label
     * @param tokens of this rank
     * @param gradNorm global, before clipping
     * @param leftOut why nothing was updated; empty: it was
     */
    record Result(
            double lossSum,
            long labelled,
            long tokens,
            double gradNorm,
            double learningRate,
            StepTimes times,
            StepWire wire,
            String leftOut) {}

    /**
     * @param step from 0
     * @param shards of the global batch, one for each virtual rank of this rank
     * @param begun when the shards began to be read
     * @throws NonfiniteStep if a gradient is infinite or no number, unless such steps are to be left out
     */
    Result run(long step, List<Shard> shards, long begun) {
        CollectiveCounts before = collectives.counts();
        long start = clock.getAsLong();
        progress.waits("counting the labelled tokens of step " + (step + 1));
        long labelled =
                sumOverRanks(shards.stream().mapToLong(Shard::labelledTokens).sum());
        long counted = clock.getAsLong();

        buckets.begin();
        Passes passes = new Passes(step, 1.0 / labelled);
        double[] lossSums = new double[shards.size()];
        for (int number = 0; number < lossSums.length; number++) {
            lossSums[number] = passes.run(shards.get(number), partialSums.ofVirtualRank(number, buckets));
        }
        long early = buckets.waitedNanos();
        long computed = clock.getAsLong();
        progress.waits("waiting for the gradients of step " + (step + 1));
        buckets.await();
        long reduced = clock.getAsLong();

        GradientBuckets.Totals totals = buckets.totals(lossSums);
        double gradNorm = totals.gradNorm();
        // Sums are the same bits on every rank: all find the same, before any optimizer moves.
        String leftOut = Double.isFinite(gradNorm) ? "" : nonfinite(step, gradNorm, passes.gradScale, shards);
        if (!leftOut.isEmpty() && onNonfinite != OnNonfinite.SKIP) {
            throw new NonfiniteStep(step, leftOut);
        }
        long clipped = clock.getAsLong();
        progress.waits("waiting for a checkpoint to be read before the update of step " + (step + 1));
        saving.awaitRead();
        progress.at("update of step " + (step + 1));
        long free = clock.getAsLong();
        double rate = learningRate.at(step);
        if (leftOut.isEmpty()) {
            optimizer.step(rate, optimizer.clip(gradNorm));
        }
        long updated = clock.getAsLong();
        if (leftOut.isEmpty()) {
            buckets.spread(replica.compute());
        }
        long end = clock.getAsLong();

        StepTimes times = new StepTimes(
                millis(end - begun),
                millis(start - begun + passes.data),
                millis(passes.forward),
                millis(passes.recompute),
                millis(passes.backward - early),
                millis(counted - start + early + reduced - computed + end - updated),
                millis(clipped - reduced),
                millis(passes.zeroing + updated - free),
                millis(free - clipped));
        StepWire wire = wire(collectives.counts().minus(before));
        return new Result(totals.lossSum(), labelled, passes.tokens, gradNorm, rate, times, wire, leftOut);
    }

    private StepWire wire(CollectiveCounts counts) {
        Map<String, Long> dropped = new TreeMap<>();
        counts.dropped().forEach((kind, frames) -> dropped.put(kind.name().toLowerCase(Locale.ROOT), frames));
        return new StepWire(
                millis(counts.nanos()),
                counts.bytesSent(),
                counts.busBytes(),
                millis(counts.busNanos()),
                counts.refusedOffers(),
                counts.retransmits(),
                dropped,
                buckets.times());
    }

    /** Forward and backward of the micro-batches of one step, with their times in nanoseconds. */
    private final class Passes {
        private final long step;
        private final double gradScale;
        private long tokens;
        private long zeroing;
        private long data;
        private long forward;
        private long recompute;
        private long backward;

        Passes(long step, double gradScale) {
            this.step = step;
            this.gradScale = gradScale;
        }

        /**
         * One virtual rank, as a rank of its own would.
         *
         * @param listener hears its last backward, or for an empty shard that its gradients are zero
         * @return sum of its losses
         */
        double run(Shard shard, GradientListener listener) {
            long start = clock.getAsLong();
            replica.beginGradients();
            zeroing += clock.getAsLong() - start;
            double lossSum = 0;
            int last = shard.microBatches().size() - 1;
            for (int number = 0; number <= last; number++) {
                lossSum +=
                        microBatch(shard.microBatches().get(number), number == last ? listener : GradientListener.NONE);
            }
            for (int part = replica.layout().parts() - 1; shard.isEmpty() && part >= 0; part--) {
                listener.begins(part);
                replica.zeroGradients(part);
                listener.ready(part);
            }
            return lossSum;
        }

        private double microBatch(List<TokenizedExample> samples, GradientListener listener) {
            long start = clock.getAsLong();
            Batch batch = batches.build(samples);
            long built = clock.getAsLong();
            progress.at("forward of step " + (step + 1));
            model.forward(batch, progress::gotOn);
            long turn = clock.getAsLong();
            double lossSum = backward(batch, listener);
            long end = clock.getAsLong();
            long again = model.recomputeNanos();
            data += built - start;
            forward += turn - built;
            recompute += again;
            backward += end - turn - again;
            tokens += batch.tokens();
            return lossSum;
        }

        private double backward(Batch batch, GradientListener listener) {
            progress.at("backward of step " + (step + 1));
            return model.backward(batch, gradScale, progress.beats(listener));
        }
    }

    private long sumOverRanks(long labelled) {
        long sum = 0;
        for (long[] rank : collectives.allGather("labelled tokens", new long[] {labelled})) {
            sum += rank[0];
        }
        return sum;
    }

    /** Sums lie where the gradients were, so each rank computes its own once more: no weight has changed. */
    private String nonfinite(long step, double gradNorm, double gradScale, List<Shard> shards) {
        NonfiniteSearch search = new NonfiniteSearch(replica, kernels);
        Passes again = new Passes(step, gradScale);
        shards.forEach(shard -> again.run(shard, search));
        return "grad norm is %s; %s".formatted(gradNorm, search.describe(collectives));
    }

    private static double millis(long nanos) {
        return nanos / 1e6;
    }
}
