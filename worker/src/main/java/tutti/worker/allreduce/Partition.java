package tutti.worker.allreduce;

import static tutti.common.error.TuttiException.require;

import java.util.Arrays;

/**
 * How a buffer is cut among ranks: rank r owns elements {@code start(r) .. start(r + 1) - 1}. Parts follow each other in rank order; a
 * part may be empty.
 */
public final class Partition {
    private final int[] starts;

    private Partition(int[] starts) {
        this.starts = starts;
    }

    /** Parts that differ by one element at most. */
    public static Partition even(int elements, int ranks) {
        return even(elements, ranks, 1);
    }

    /** Parts that begin at multiples of {@code grain} elements and differ by one grain at most, the last one by what is left. */
    public static Partition even(int elements, int ranks, int grain) {
        require(grain >= 1, "parts: grain=%d, expected at least 1", grain);
        long grains = ((long) elements + grain - 1) / grain;
        int[] starts = new int[ranks + 1];
        for (int rank = 0; rank <= ranks; rank++) {
            starts[rank] = (int) Math.min(elements, grains * rank / ranks * grain);
        }
        return new Partition(starts);
    }

    /** Parts of these lengths, in rank order. */
    public static Partition of(int... lengths) {
        int[] starts = new int[lengths.length + 1];
        for (int rank = 0; rank < lengths.length; rank++) {
            starts[rank + 1] = Math.addExact(starts[rank], lengths[rank]);
        }
        return new Partition(starts);
    }

    /** Everything is {@code owner}'s. */
    public static Partition whole(int elements, int ranks, int owner) {
        require(0 <= owner && owner < ranks, "parts: need 0 <= owner=%d < ranks=%d", owner, ranks);
        int[] starts = new int[ranks + 1];
        Arrays.fill(starts, owner + 1, ranks + 1, elements);
        return new Partition(starts);
    }

    /** Of parts {@code from .. to-1}, as a cut of the elements that they cover, for {@code ranks} owners in turn. */
    Partition regroup(int from, int to, int ranks) {
        int[] regrouped = new int[ranks + 1];
        for (int rank = 0; rank <= ranks; rank++) {
            regrouped[rank] = starts[from + handled(to - from, rank, ranks)] - starts[from];
        }
        return new Partition(regrouped);
    }

    /** Owner {@code rank} of {@code ranks} handles those of {@code count} parts from this number on, up to the next owner's. */
    static int handled(int count, int rank, int ranks) {
        // The inverse of part i going to i * ranks / count, rounded down.
        return (int) (((long) rank * count + ranks - 1) / ranks);
    }

    int ranks() {
        return starts.length - 1;
    }

    public int elements() {
        return starts[ranks()];
    }

    public int start(int rank) {
        return starts[rank];
    }

    public int length(int rank) {
        return starts[rank + 1] - starts[rank];
    }

    int longest() {
        int longest = 0;
        for (int rank = 0; rank < ranks(); rank++) {
            longest = Math.max(longest, length(rank));
        }
        return longest;
    }

    @Override
    public boolean equals(Object o) {
        return o instanceof Partition other && Arrays.equals(starts, other.starts);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(starts);
    }

    @Override
    public String toString() {
        return Arrays.toString(starts);
    }
}
