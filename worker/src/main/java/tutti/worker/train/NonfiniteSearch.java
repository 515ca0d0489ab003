package tutti.worker.train;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import tutti.worker.allreduce.Collectives;
import tutti.worker.model.GradientListener;
import tutti.worker.tensor.Kernels;
import tutti.worker.tune.FlatLayout;
import tutti.worker.tune.Replica;

/** Listens to a backward for this rank's first gradient that is infinite or no number, before it is summed with those of others. */
final class NonfiniteSearch implements GradientListener {
    private static final int NONE = -1;
    /** Of thousands of ranks the first few say enough. */
    private static final int MOST_NAMED = 4;

    private final Replica replica;
    private final Kernels kernels;
    private final List<FlatLayout.Slot> slots;
    private int found = NONE;

    NonfiniteSearch(Replica replica, Kernels kernels) {
        this.replica = replica;
        this.kernels = kernels;
        this.slots = replica.layout().slots();
    }

    @Override
    public void ready(int part) {
        for (int i = slots.size() - 1; i >= 0 && found == NONE; i--) {
            FlatLayout.Slot slot = slots.get(i);
            if (slot.spec().part() == part
                    && !Double.isFinite(kernels.squaredNorm(replica.gradients()
                            .written(slot.start(), slot.spec().shape().count())))) {
                found = i;
            }
        }
    }

    /** What all ranks have found; all of them ask, and get the same words. */
    String describe(Collectives collectives) {
        long[][] all = collectives.allGather("first gradient that is not finite", new long[] {found});
        List<String> named = new ArrayList<>();
        for (int rank = 0; rank < all.length; rank++) {
            if (all[rank][0] != NONE) {
                named.add("on rank %d that of %s"
                        .formatted(rank, slots.get((int) all[rank][0]).spec().name()));
            }
        }
        if (named.isEmpty()) {
            return "computed once more, each rank's own gradients are finite";
        }
        return "the first gradient that is not finite is "
                + named.stream().limit(MOST_NAMED).collect(Collectors.joining(", "))
                + (named.size() > MOST_NAMED ? " and so on for %d ranks".formatted(named.size()) : "");
    }
}
