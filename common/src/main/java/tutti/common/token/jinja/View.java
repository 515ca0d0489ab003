package tutti.common.token.jinja;

import java.util.Collection;
import java.util.Iterator;

/**
 * What is iterable but no sequence.
 *
 * @param type {@code dict_items}, {@code dict_keys}, {@code dict_values}
 */
record View(String type, Collection<Object> items) implements Iterable<Object> {
    @Override
    public Iterator<Object> iterator() {
        return items.iterator();
    }
}
