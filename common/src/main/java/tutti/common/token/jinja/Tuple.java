package tutti.common.token.jinja;

import java.util.AbstractList;
import java.util.List;
import java.util.RandomAccess;

/** Python's tuple: prints with round brackets, is no list, and can be a key. */
class Tuple extends AbstractList<Object> implements RandomAccess {
    private final List<Object> items;

    /** The items stay the caller's; nobody may change them any more. */
    Tuple(List<Object> items) {
        this.items = items;
    }

    static Tuple of(Object... items) {
        return new Tuple(java.util.Arrays.asList(items));
    }

    @Override
    public Object get(int index) {
        return items.get(index);
    }

    @Override
    public int size() {
        return items.size();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Tuple && super.equals(other);
    }

    @Override
    public int hashCode() {
        return super.hashCode();
    }
}
