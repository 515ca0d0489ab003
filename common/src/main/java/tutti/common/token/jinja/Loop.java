package tutti.common.token.jinja;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/** The variable {@code loop}. It looks ahead only when asked, for items may come from a lazy filter. */
final class Loop implements Function, Members {
    private final java.util.function.Function<Object, String> deeper;
    private final int depth;
    private Iterator<Object> items;
    private long index = -1;
    private long length;
    private Object current = Args.MISSING;
    private Object before = Args.MISSING;
    private Object after = Args.MISSING;
    private Object changed = Args.MISSING;

    /**
     * @param counted what the items come from, if it tells its length; anything else if not
     * @param deeper renders the loop for other items; null if the loop is not recursive
     */
    Loop(Object counted, Iterator<Object> items, int depth, java.util.function.Function<Object, String> deeper) {
        this.items = items;
        this.depth = depth;
        this.deeper = deeper;
        this.length = Kinds.length(counted);
    }

    boolean hasNext() {
        return after != Args.MISSING || items.hasNext();
    }

    Object next() {
        before = current;
        current = after != Args.MISSING ? after : items.next();
        after = Args.MISSING;
        index++;
        return current;
    }

    private Object peek() {
        if (after == Args.MISSING && items.hasNext()) {
            after = items.next();
        }
        return after;
    }

    private long length() {
        if (length < 0) {
            List<Object> rest = new ArrayList<>();
            items.forEachRemaining(rest::add);
            items = rest.iterator();
            length = index + 1 + rest.size() + (after == Args.MISSING ? 0 : 1);
        }
        return length;
    }

    @Override
    public Object member(Rendering rendering, String name) {
        return switch (name) {
            case "index" -> index + 1;
            case "index0" -> index;
            case "revindex" -> length() - index;
            case "revindex0" -> length() - index - 1;
            case "first" -> index == 0;
            case "last" -> peek() == Args.MISSING;
            case "length" -> length();
            case "depth" -> depth + 1L;
            case "depth0" -> (long) depth;
            case "previtem" -> index == 0 ? new Undefined("there is no previous item") : before;
            case "nextitem" -> peek() == Args.MISSING ? new Undefined("there is no next item") : after;
            case "cycle" ->
                (Function) (r, args) -> {
                    if (args.list().isEmpty()) {
                        throw JinjaError.of("no items for cycling given");
                    }
                    return args.at((int) (index % args.list().size()));
                };
            case "changed" ->
                (Function) (r, args) -> {
                    Tuple value = new Tuple(args.list());
                    boolean isNew = changed == Args.MISSING || !Compare.equal(r.budget(), changed, value);
                    changed = value;
                    return isNew;
                };
            default -> Args.MISSING;
        };
    }

    @Override
    public Object call(Rendering rendering, Args args) {
        if (deeper == null) {
            throw JinjaError.of("The loop must have the 'recursive' marker to be called recursively.");
        }
        return deeper.apply(args.bind("loop", "iterable").at(0));
    }

    @Override
    public String toString() {
        return "<LoopContext %d/%d>".formatted(index + 1, length());
    }
}
