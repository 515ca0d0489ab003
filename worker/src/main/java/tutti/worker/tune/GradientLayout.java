package tutti.worker.tune;

import static tutti.common.error.TuttiException.require;

import tutti.common.error.Category;
import tutti.worker.tune.ShardLayout.Segment;

/**
 * Where gradients lie. Either each element where it is in the {@link FlatLayout}, from the first micro-batch to the update. Or (ZeRO-2)
 * those of the blocks pass through {@value #WINDOWS} windows of one block, since a rank needs them only until all have been added up:
 * it keeps the sums of its shard in memory of its own, and a window takes the next block.
 */
public final class GradientLayout {
    /** One is filled while the sums of the other are on their way. */
    private static final int WINDOWS = 2;

    private final FlatLayout layout;
    private final ShardLayout shard;
    private final boolean windowed;
    /** Elements before the blocks, which are norms and the embedding, and up to their end. */
    private final long before;

    private final long end;
    private final long block;

    private GradientLayout(FlatLayout layout, ShardLayout shard, boolean windowed) {
        this.layout = layout;
        this.shard = shard;
        this.windowed = windowed;
        int blocks = layout.parts() - 2;
        before = layout.partStart(Math.min(1, layout.parts() - 1));
        end = layout.partStart(layout.parts() - 1);
        block = windowed ? (end - before) / blocks : 0;
        for (int part = 1; windowed && part <= blocks; part++) {
            require(
                    layout.partStart(part) == before + (part - 1) * block,
                    Category.BUG,
                    "block %d begins at element %d, blocks of %d elements begin at %d",
                    part,
                    layout.partStart(part),
                    block,
                    before);
        }
    }

    /** All gradients are there until the update. */
    public static GradientLayout whole(FlatLayout layout) {
        return new GradientLayout(layout, ShardLayout.whole(layout), false);
    }

    /**
     * A rank of several has the gradients of {@value #WINDOWS} blocks at a time; where a model has no more, of all.
     *
     * @param shard of the rank, none of whose segments lies in two parts
     */
    public static GradientLayout windows(FlatLayout layout, ShardLayout shard) {
        return new GradientLayout(layout, shard, !shard.whole() && layout.parts() - 2 > WINDOWS);
    }

    public boolean windowed() {
        return windowed;
    }

    /** Elements of memory that backward writes, the same on all ranks. */
    long size() {
        return windowed ? layout.size() - (end - before) + WINDOWS * block : layout.size();
    }

    /** Elements of this rank's sums that wait for the update in memory of their own. */
    long sums() {
        return windowed
                ? shard.within(before, end - before).stream()
                        .mapToLong(Segment::count)
                        .sum()
                : 0;
    }

    /** Where backward writes the gradient of an element. */
    long place(long element) {
        if (!windowed || element < before) {
            return element;
        }
        if (element >= end) {
            return before + element - end;
        }
        long number = (element - before) / block;
        return layout.size() - end + before + number % WINDOWS * block + (element - before) % block;
    }

    /** Do its sums leave the memory that backward writes? */
    boolean passes(long element) {
        return windowed && before <= element && element < end;
    }

    /** Where the sum of the first element of a part of the shard waits. */
    long sumPlace(Segment segment) {
        return segment.at() - shard.within(before, end - before).get(0).at();
    }

    ShardLayout shard() {
        return shard;
    }

    /** Elements from here on have to be out of the memory that the gradients of {@code part} take. */
    public long behind(int part) {
        boolean shares = windowed && part > 0 && part + WINDOWS < layout.parts() - 1;
        return shares ? layout.partStart(part + WINDOWS) : layout.size();
    }
}
