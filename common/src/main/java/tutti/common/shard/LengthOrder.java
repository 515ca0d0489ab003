package tutti.common.shard;

/** Sorts by small keys, such as lengths, in one pass over them. */
public final class LengthOrder {
    private LengthOrder() {}

    /**
     * The numbers 0..N-1 by ascending key, those of one key as they are numbered.
     *
     * @param keys N, each of 0..most
     */
    public static int[] ascending(int[] keys, int most) {
        int[] next = new int[most + 2];
        for (int key : keys) {
            next[key + 1]++;
        }
        for (int key = 0; key <= most; key++) {
            next[key + 1] += next[key];
        }
        int[] order = new int[keys.length];
        for (int number = 0; number < keys.length; number++) {
            order[next[keys[number]]++] = number;
        }
        return order;
    }
}
