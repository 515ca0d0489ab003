package tutti.common.shard;

import static tutti.common.error.TuttiException.require;

import java.util.Arrays;
import java.util.function.LongFunction;
import java.util.stream.IntStream;
import tutti.common.config.RunConfig;

/**
 * Cuts every epoch into global batches and every global batch into one shard for each virtual rank. Each sample occurs exactly
 * once in an epoch; the last batch of an epoch may be smaller, and its shards then differ by at most one sample. The order of samples
 * in a global batch does not depend on the number of virtual ranks, and no shard on the number of workers that hold them.
 *
 * <p>Not thread-safe: it keeps the order of the epoch asked for last.
 */
public final class BatchPlan {
    private final int samples;
    private final int virtualRanks;
    private final int globalBatch;
    private final EpochOrder order;
    private final LongFunction<int[]> orders;

    private long cachedEpoch = -1;
    private int[] cachedOrder;

    /** @param samples that workers have; see {@code WorkerReport.Ready} */
    public static BatchPlan of(RunConfig config, int worldSize, int samples) {
        EpochOrder shuffled = config.batches().groupByLength() ? EpochOrder.LENGTH_GROUPED : EpochOrder.SHUFFLED;
        return new BatchPlan(
                samples,
                config.train().virtualRanks(worldSize),
                config.train().globalBatch(worldSize),
                config.data().shuffle() ? shuffled : EpochOrder.FILE,
                config.train().seed());
    }

    /**
     * @param samples of an epoch; at least one for each virtual rank
     * @param globalBatch samples of one optimizer step over all virtual ranks
     */
    BatchPlan(int samples, int virtualRanks, int globalBatch, EpochOrder order, long seed) {
        this(samples, virtualRanks, globalBatch, order, epoch -> order.of(samples, globalBatch, seed, epoch));
    }

    /** @param orders the order of an epoch: as long as the data set, so it is asked for once an epoch */
    BatchPlan(int samples, int virtualRanks, int globalBatch, EpochOrder order, LongFunction<int[]> orders) {
        require(
                samples >= virtualRanks,
                "data set: %d usable samples (or packs of them) are fewer than %d virtual ranks; use at most --virtual_ranks %d, or without it "
                        + "--nproc_per_node %d",
                samples,
                virtualRanks,
                Math.max(1, samples),
                Math.max(1, samples));
        require(
                globalBatch >= virtualRanks,
                "global batch of %d is smaller than %d virtual ranks",
                globalBatch,
                virtualRanks);
        this.samples = samples;
        this.virtualRanks = virtualRanks;
        this.globalBatch = globalBatch;
        this.order = order;
        this.orders = orders;
    }

    public long stepsPerEpoch() {
        return (samples + globalBatch - 1L) / globalBatch;
    }

    /** Optimizer steps of a run: {@code maxSteps} if positive, else {@code epochs} rounded up to a whole step. */
    public long totalSteps(double epochs, long maxSteps) {
        return maxSteps > 0 ? maxSteps : (long) Math.ceil(epochs * stepsPerEpoch() - 1e-9);
    }

    /** Epochs completed after {@code steps} steps, as a fraction. */
    public double epochAfter(long steps) {
        long whole = steps / stepsPerEpoch();
        long inEpoch = steps % stepsPerEpoch();
        return whole + Math.min(1.0, (double) inEpoch * globalBatch / samples);
    }

    public boolean endsEpoch(long step) {
        return (step + 1) % stepsPerEpoch() == 0;
    }

    /** Sample numbers of one global batch, in the order in which they are dealt out. {@code step} counts from 0. */
    public int[] globalBatch(long step) {
        return slice(step, 0, 1);
    }

    /** The contiguous part of the global batch that is one virtual rank's; may be empty only in an epoch's last batch. */
    public int[] shard(long step, int virtualRank) {
        return slice(step, virtualRank, virtualRanks);
    }

    /**
     * What one of several workers trains on: the shards of a contiguous block of virtual ranks, in their order.
     *
     * @param worldSize divides the number of virtual ranks
     */
    public int[][] shards(long step, int rank, int worldSize) {
        int each = virtualRanks / worldSize;
        return IntStream.range(rank * each, (rank + 1) * each)
                .mapToObj(virtualRank -> shard(step, virtualRank))
                .toArray(int[][]::new);
    }

    /** Part {@code part} of {@code parts} of a global batch: what is copied is all that is touched, whatever the step. */
    private int[] slice(long step, int part, int parts) {
        int[] order = order(step / stepsPerEpoch());
        int start = (int) (step % stepsPerEpoch() * globalBatch);
        long count = Math.min(globalBatch, samples - start);
        return Arrays.copyOfRange(
                order, start + (int) (count * part / parts), start + (int) (count * (part + 1) / parts));
    }

    private int[] order(long epoch) {
        if (order == EpochOrder.FILE) {
            epoch = 0;
        }
        if (epoch != cachedEpoch) {
            cachedOrder = orders.apply(epoch);
            cachedEpoch = epoch;
        }
        return cachedOrder;
    }
}
