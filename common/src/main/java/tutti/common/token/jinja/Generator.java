package tutti.common.token.jinja;

import java.util.Iterator;

/** What lazy filters give: items come when they are asked for, once, and nobody knows how many. */
record Generator(String type, Iterator<Object> items) implements Iterable<Object> {
    Generator(Iterator<Object> items) {
        this("generator", items);
    }

    @Override
    public Iterator<Object> iterator() {
        return items;
    }
}
