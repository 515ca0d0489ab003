package tutti.common.token.jinja;

import java.util.AbstractList;
import java.util.RandomAccess;

/** Python's range: a list that is counted and never stored. */
final class Range extends AbstractList<Object> implements RandomAccess {
    private static final int MAX = 100_000;

    final long start;
    final long stop;
    final long step;
    private final int size;

    Range(long start, long stop, long step) {
        if (step == 0) {
            throw JinjaError.of("range() arg 3 must not be zero");
        }
        // In double: the difference of two longs may not fit one.
        double items = Math.ceil(((double) stop - start) / step);
        if (items > MAX) {
            throw JinjaError.of("Range too big. The sandbox blocks ranges larger than MAX_RANGE (%d).", MAX);
        }
        this.start = start;
        this.stop = stop;
        this.step = step;
        this.size = (int) Math.max(0, items);
    }

    @Override
    public Object get(int index) {
        return start + index * step;
    }

    @Override
    public int size() {
        return size;
    }
}
