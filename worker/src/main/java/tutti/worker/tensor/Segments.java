package tutti.worker.tensor;

/**
 * Where the sequences of a packed batch lie. Sequence {@code s} owns query rows {@code queryStart[s] .. queryStart[s+1]-1}
 * and key rows {@code keyStart[s] .. keyStart[s+1]-1}. Attention never crosses a segment. In training both are the same;
 * in decoding the queries are the last rows of a longer run of keys.
 *
 * @param queryStart S+1 ascending row numbers, first 0, last N
 * @param keyStart S+1 ascending row numbers, first 0, last M; each segment has at least as many keys as queries
 */
public record Segments(int[] queryStart, int[] keyStart) {

    /** {@code count} sequences of {@code length} rows each. */
    public static Segments uniform(int count, int length) {
        int[] start = new int[count + 1];
        for (int s = 0; s <= count; s++) {
            start[s] = s * length;
        }
        return new Segments(start, start);
    }

    /** Sequences of the given lengths, one after the other. */
    public static Segments of(int... lengths) {
        int[] start = new int[lengths.length + 1];
        for (int s = 0; s < lengths.length; s++) {
            start[s + 1] = start[s] + lengths[s];
        }
        return new Segments(start, start);
    }

    /** One sequence whose {@code queries} newest rows look at {@code keys} rows, themselves included. */
    public static Segments decode(int queries, int keys) {
        return new Segments(new int[] {0, queries}, new int[] {0, keys});
    }

    public int count() {
        return queryStart.length - 1;
    }

    public int queries(int s) {
        return queryStart[s + 1] - queryStart[s];
    }

    public int keys(int s) {
        return keyStart[s + 1] - keyStart[s];
    }
}
