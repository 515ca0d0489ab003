package tutti.worker.gradient;

import java.util.ArrayList;
import java.util.List;
import tutti.worker.model.GradientListener;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.MemoryUse;
import tutti.worker.tensor.Tensor;
import tutti.worker.tune.FlatLayout;
import tutti.worker.tune.Gradients;

/**
 * Adds the gradients of a worker's 2^k virtual ranks, which are computed one after the other in the same memory, in the order of {@link
 * tutti.worker.allreduce.SumTree}: the worker's sum is the subtree that so many workers would make.
 *
 * <p>A sum waits until its neighbour of the same size is there, as in a binary counter: at most one each of 1, 2, 4, .. 2^(k-1) virtual
 * ranks, in memory as large as all gradients. All happens part by part in the last backward of a virtual rank: the worker's last one
 * hands each part on as soon as the sums that wait are in it, so buckets start as early as ever but for the time of those additions.
 */
public final class PartialSums {
    private final FlatLayout layout;
    private final Gradients gradients;
    private final Kernels kernels;
    /** At k the sum of 2^k virtual ranks that waits, while there is one. */
    private final List<Tensor> waiting = new ArrayList<>();

    /**
     * @param gradients whole, if there is more than one virtual rank
     * @param virtualRanks of this worker, a power of two; one needs no memory
     */
    public PartialSums(FlatLayout layout, Gradients gradients, Kernels kernels, int virtualRanks, Arena arena) {
        this.layout = layout;
        this.gradients = gradients;
        this.kernels = kernels;
        Arena counted = arena.counting(MemoryUse.GRADIENTS);
        for (int ranks = 1; ranks < virtualRanks; ranks *= 2) {
            Tensor written = gradients.written();
            waiting.add(
                    counted.take("gradients of %d virtual ranks".formatted(ranks), written.dtype(), written.shape()));
        }
    }

    /**
     * For the last backward of a virtual rank; they come in their order.
     *
     * @param number among those of this worker, from 0
     * @param worker hears of the gradients of all of them, from the last one
     */
    public GradientListener ofVirtualRank(int number, GradientListener worker) {
        return waiting.isEmpty() ? worker : new Adding(number, worker);
    }

    private final class Adding implements GradientListener {
        /** Sums that this virtual rank completes: of 1, 2, .. 2^(levels-1) before it. */
        private final int levels;

        private final boolean last;
        private final GradientListener worker;
        private long complete = layout.size();

        Adding(int number, GradientListener worker) {
            this.levels = Integer.numberOfTrailingZeros(~number);
            this.last = levels == waiting.size();
            this.worker = worker;
        }

        @Override
        public void ready(int part) {
            long start = layout.partStart(part);
            long count = complete - start;
            complete = start;
            Tensor sum = gradients.written(start, count);
            for (Tensor earlier : waiting.subList(0, levels)) {
                kernels.add(sum, sum, earlier.rows(start, count));
            }
            if (last) {
                worker.ready(part);
            } else {
                kernels.copy(waiting.get(levels).rows(start, count), sum);
            }
        }
    }
}
