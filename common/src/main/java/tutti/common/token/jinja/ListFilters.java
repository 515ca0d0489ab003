package tutti.common.token.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.function.UnaryOperator;

/** Filters of a row of values. The lazy ones give a {@link Generator}: their errors come when somebody asks for items. */
final class ListFilters {
    private ListFilters() {}

    @FunctionalInterface
    interface Registry {
        void add(String name, String signature, Filters.Filter filter);
    }

    static void addTo(Registry to) {
        to.add("list", "", (r, v, a) -> Kinds.list(r.budget(), v));
        to.add("first", "", (r, v, a) -> {
            Iterator<Object> items = Filters.iterate(r, v);
            return items.hasNext() ? items.next() : new Undefined("No first item, sequence was empty.");
        });
        to.add("last", "", (r, v, a) -> {
            List<Object> items = reversible(r, v);
            return items.isEmpty() ? new Undefined("No last item, sequence was empty.") : items.get(items.size() - 1);
        });
        to.add("reverse", "", ListFilters::reverse);
        to.add("join", "d? attribute?", ListFilters::join);
        to.add("sum", "attribute? start?", (r, v, a) -> {
            UnaryOperator<Object> get = Filters.getter(r, a.or(0, null), null);
            Object sum = a.or(1, 0L);
            for (Object item : Kinds.list(r.budget(), v)) {
                sum = Operators.apply(r, "+", sum, get.apply(item));
            }
            return sum;
        });
        to.add("min", "case_sensitive? attribute?", (r, v, a) -> extreme(r, v, a, "<"));
        to.add("max", "case_sensitive? attribute?", (r, v, a) -> extreme(r, v, a, ">"));
        to.add("sort", "reverse? case_sensitive? attribute?", (r, v, a) -> {
            boolean caseSensitive = a.flag(1, false);
            List<UnaryOperator<Object>> keys = new ArrayList<>();
            for (Object one : a.or(2, null) instanceof String s
                    ? Strings.split(s, ",", -1)
                    : Collections.singletonList(a.or(2, null))) {
                keys.add(Filters.getter(r, one, null));
            }
            return sorted(r, Kinds.list(r.budget(), v), a.flag(0, false), item -> {
                List<Object> key = new ArrayList<>();
                keys.forEach(get -> key.add(Filters.ignoreCase(get.apply(item), caseSensitive)));
                return key;
            });
        });
        to.add("dictsort", "case_sensitive? by? reverse?", ListFilters::dictSort);
        to.add(
                "items",
                "",
                (r, v, a) -> lazy(() -> {
                    if (v instanceof Undefined) {
                        return Collections.emptyIterator();
                    }
                    if (!(v instanceof Map<?, ?> map)) {
                        throw JinjaError.of("Can only get item pairs from a mapping.");
                    }
                    return Filters.iterate(r, Methods.items(map));
                }));
        to.add("unique", "case_sensitive? attribute?", (r, v, a) -> {
            UnaryOperator<Object> get = Filters.getter(r, a.or(1, null), null);
            boolean caseSensitive = a.flag(0, false);
            Set<Object> seen = new HashSet<>();
            return lazy(() -> mapped(Filters.iterate(r, v), item -> {
                Object key = Kinds.key(r.budget(), Filters.ignoreCase(get.apply(item), caseSensitive));
                return seen.add(sameKey(key)) ? item : Args.MISSING;
            }));
        });
        to.add(
                "map",
                null,
                (r, v, a) -> lazy(() ->
                        Kinds.truth(v) ? mapped(Filters.iterate(r, v), mapper(r, a)) : Collections.emptyIterator()));
        to.add("select", null, (r, v, a) -> chosen(r, v, a, false, true));
        to.add("reject", null, (r, v, a) -> chosen(r, v, a, false, false));
        to.add("selectattr", null, (r, v, a) -> chosen(r, v, a, true, true));
        to.add("rejectattr", null, (r, v, a) -> chosen(r, v, a, true, false));
        to.add("groupby", "attribute default? case_sensitive?", ListFilters::groupBy);
        to.add("batch", "linecount fill_with?", ListFilters::batch);
        to.add("slice", "slices fill_with?", ListFilters::slice);
    }

    private static List<Object> reversible(Rendering rendering, Object value) {
        if (value instanceof Generator || !Kinds.isIterable(value)) {
            throw JinjaError.of("'%s' object is not reversible", Kinds.name(value));
        }
        return Kinds.list(rendering.budget(), value);
    }

    private static Object reverse(Rendering rendering, Object value, Args args) {
        if (value instanceof String s) {
            rendering.budget().make(s.length());
            return new StringBuilder(s).reverse().toString();
        }
        if (!Kinds.isIterable(value)) {
            throw JinjaError.of("argument must be iterable");
        }
        List<Object> items = Kinds.list(rendering.budget(), value);
        Collections.reverse(items);
        return value instanceof Generator ? items : new Generator("list_reverseiterator", items.iterator());
    }

    private static Object join(Rendering rendering, Object value, Args args) {
        UnaryOperator<Object> get = Filters.getter(rendering, args.or(1, null), null);
        String separator = Repr.str(rendering.budget(), args.or(0, ""));
        StringBuilder out = new StringBuilder();
        Iterator<Object> items = Filters.iterate(rendering, value);
        while (items.hasNext()) {
            out.append(Repr.str(rendering.budget(), get.apply(items.next())));
            out.append(items.hasNext() ? separator : "");
            rendering.budget().make(out.length() > Budget.MAX_TEXT ? out.length() : separator.length() + 8L);
        }
        rendering.budget().make(out.length());
        return out.toString();
    }

    private static Object extreme(Rendering rendering, Object value, Args args, String operator) {
        UnaryOperator<Object> get = Filters.getter(rendering, args.or(1, null), null);
        boolean caseSensitive = args.flag(0, false);
        Iterator<Object> items = Filters.iterate(rendering, value);
        if (!items.hasNext()) {
            return new Undefined("No aggregated item, sequence was empty.");
        }
        Object best = items.next();
        Object bestKey = Filters.ignoreCase(get.apply(best), caseSensitive);
        while (items.hasNext()) {
            Object item = items.next();
            Object key = Filters.ignoreCase(get.apply(item), caseSensitive);
            if (Compare.test(rendering.budget(), operator, key, bestKey)) {
                best = item;
                bestKey = key;
            }
        }
        return best;
    }

    private record Keyed(Object key, Object item) {}

    private static List<Object> sorted(
            Rendering rendering, List<Object> items, boolean reverse, UnaryOperator<Object> key) {
        List<Keyed> keyed = new ArrayList<>();
        items.forEach(item -> keyed.add(new Keyed(key.apply(item), item)));
        // Python keeps equal ones in their order when it sorts backwards, too.
        keyed.sort((a, b) -> reverse
                ? Compare.order(rendering.budget(), b.key(), a.key())
                : Compare.order(rendering.budget(), a.key(), b.key()));
        List<Object> out = new ArrayList<>();
        keyed.forEach(one -> out.add(one.item()));
        return out;
    }

    private static Object dictSort(Rendering rendering, Object value, Args args) {
        boolean caseSensitive = args.flag(0, false);
        Object by = args.or(1, "key");
        if (!"key".equals(by) && !"value".equals(by)) {
            throw JinjaError.of("You can only sort by either \"key\" or \"value\"");
        }
        if (value instanceof Undefined undefined) {
            throw undefined.fail();
        }
        if (!(value instanceof Map<?, ?> map)) {
            throw JinjaError.of("'%s' object has no attribute 'items'", Kinds.name(value));
        }
        int place = by.equals("key") ? 0 : 1;
        List<Object> pairs = Kinds.list(rendering.budget(), Methods.items(map));
        return sorted(
                rendering,
                pairs,
                args.flag(2, false),
                pair -> Filters.ignoreCase(((Tuple) pair).get(place), caseSensitive));
    }

    /** Numbers that are equal are one key. */
    private static Object sameKey(Object key) {
        if (key instanceof Undefined) {
            return Args.MISSING;
        }
        return Compare.isNumber(key) ? (Object) Numbers.asDouble(key) : key;
    }

    private static UnaryOperator<Object> mapper(Rendering rendering, Args args) {
        if (args.list().isEmpty() && args.named().containsKey("attribute")) {
            for (String name : args.named().keySet()) {
                if (!name.equals("attribute") && !name.equals("default")) {
                    throw JinjaError.of("Unexpected keyword argument %s", Repr.quote(name));
                }
            }
            return Filters.getter(
                    rendering, args.named().get("attribute"), args.named().get("default"));
        }
        if (args.list().isEmpty()) {
            throw JinjaError.of("map requires a filter argument");
        }
        Args rest = args.skip(1);
        return item -> Filters.named(rendering, args.at(0)).apply(rendering, item, rest);
    }

    private static Object chosen(Rendering rendering, Object value, Args args, boolean byAttribute, boolean wanted) {
        return lazy(() -> {
            if (!Kinds.truth(value)) {
                return Collections.emptyIterator();
            }
            if (byAttribute && args.list().isEmpty()) {
                throw JinjaError.of("Missing parameter for attribute name");
            }
            int used = byAttribute ? 1 : 0;
            UnaryOperator<Object> get = Filters.getter(rendering, byAttribute ? args.at(0) : null, null);
            boolean hasTest = args.list().size() > used;
            Args rest = hasTest ? args.skip(used + 1) : args;
            return mapped(Filters.iterate(rendering, value), item -> {
                Object subject = get.apply(item);
                boolean holds = hasTest
                        ? Tests.named(rendering, args.at(used)).holds(rendering, subject, rest)
                        : Kinds.truth(subject);
                return holds == wanted ? item : Args.MISSING;
            });
        });
    }

    /** Named like a tuple of two, and with names for both. */
    private static final class Group extends Tuple implements Members {
        Group(Object grouper, List<Object> list) {
            super(java.util.Arrays.asList(grouper, list));
        }

        @Override
        public Object member(Rendering rendering, String name) {
            return name.equals("grouper") ? get(0) : name.equals("list") ? get(1) : Args.MISSING;
        }
    }

    private static Object groupBy(Rendering rendering, Object value, Args args) {
        boolean caseSensitive = args.flag(2, false);
        UnaryOperator<Object> get = Filters.getter(rendering, args.at(0), args.or(1, null));
        UnaryOperator<Object> key = item -> Filters.ignoreCase(get.apply(item), caseSensitive);
        List<Object> groups = new ArrayList<>();
        List<Object> group = null;
        Object last = null;
        for (Object item : sorted(rendering, Kinds.list(rendering.budget(), value), false, key)) {
            Object itsKey = key.apply(item);
            if (group == null || !Compare.equal(rendering.budget(), last, itsKey)) {
                group = new ArrayList<>();
                groups.add(new Group(get.apply(item), group));
                last = itsKey;
            }
            group.add(item);
        }
        return groups;
    }

    private static Object batch(Rendering rendering, Object value, Args args) {
        long size = Kinds.asLong(args.at(0));
        Object fill = args.or(1, null);
        Iterator<Object> items = Filters.iterate(rendering, value);
        return new Generator(new Iterator<>() {
            @Override
            public boolean hasNext() {
                return items.hasNext();
            }

            @Override
            public Object next() {
                List<Object> line = new ArrayList<>();
                while (items.hasNext() && (line.isEmpty() || line.size() != size)) {
                    line.add(items.next());
                }
                while (fill != null && line.size() < size) {
                    rendering.budget().make(line.size() > Budget.MAX_TEXT ? line.size() : 8);
                    line.add(fill);
                }
                return line;
            }
        });
    }

    private static Object slice(Rendering rendering, Object value, Args args) {
        long slices = Kinds.asLong(args.at(0));
        Object fill = args.or(1, null);
        if (slices == 0) {
            throw JinjaError.of("integer division or modulo by zero");
        }
        rendering.budget().make(8 * Math.max(0, slices));
        List<Object> items = Kinds.list(rendering.budget(), value);
        List<Object> out = new ArrayList<>();
        int from = 0;
        for (long i = 0; i < slices; i++) {
            boolean extra = i < items.size() % slices;
            int to = from + (int) (items.size() / slices) + (extra ? 1 : 0);
            List<Object> slice = new ArrayList<>(items.subList(from, to));
            if (fill != null && !extra) {
                slice.add(fill);
            }
            out.add(slice);
            from = to;
        }
        return new Generator(out.iterator());
    }

    private static Generator lazy(java.util.function.Supplier<Iterator<Object>> source) {
        return new Generator(new Iterator<>() {
            private Iterator<Object> items;

            @Override
            public boolean hasNext() {
                items = items == null ? source.get() : items;
                return items.hasNext();
            }

            @Override
            public Object next() {
                items = items == null ? source.get() : items;
                return items.next();
            }
        });
    }

    /** Each item as the function has it, without those for which it gives MISSING. */
    static Iterator<Object> mapped(Iterator<Object> items, UnaryOperator<Object> function) {
        return new Iterator<>() {
            private Object next = Args.MISSING;

            @Override
            public boolean hasNext() {
                while (next == Args.MISSING && items.hasNext()) {
                    next = function.apply(items.next());
                }
                return next != Args.MISSING;
            }

            @Override
            public Object next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                Object item = next;
                next = Args.MISSING;
                return item;
            }
        };
    }
}
