package tutti.common.token.jinja;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The values of a template and what Python calls them: String (str), Long (int), Double (float), Boolean, null (None), List
 * (list), {@link Tuple}, {@link Range}, Map (dict), {@link View}, {@link Generator}, {@link Undefined} and things to call.
 */
final class Kinds {
    private static final Map<Class<?>, String> NAMES =
            Map.of(String.class, "str", Boolean.class, "bool", Long.class, "int", Double.class, "float");

    private Kinds() {}

    /** A copy of what the caller handed in, so that a rendering never sees it change. */
    static Object copy(Budget budget, Object value) {
        if (value == null || value instanceof String || value instanceof Boolean) {
            return value;
        }
        if (value instanceof Long || value instanceof Integer || value instanceof Short || value instanceof Byte) {
            return ((Number) value).longValue();
        }
        if (value instanceof Double || value instanceof Float) {
            return ((Number) value).doubleValue();
        }
        budget.enter();
        Object copy;
        if (value instanceof Map<?, ?> map) {
            Map<Object, Object> entries = new LinkedHashMap<>();
            map.forEach((key, item) -> entries.put(copy(budget, key), copy(budget, item)));
            copy = entries;
        } else if (value instanceof Collection<?> collection) {
            List<Object> items = new ArrayList<>(collection.size());
            collection.forEach(item -> items.add(copy(budget, item)));
            copy = items;
        } else {
            throw JinjaError.of(
                    "a variable holds a %s; templates know String, long, double, boolean, null, List and Map",
                    value.getClass().getName());
        }
        budget.leave();
        return copy;
    }

    static String name(Object value) {
        if (value == null) {
            return "NoneType";
        }
        if (value instanceof View view) {
            return view.type();
        }
        if (value instanceof Generator generator) {
            return generator.type();
        }
        if (value instanceof Map) {
            return "dict";
        }
        if (value instanceof List) {
            return value instanceof Tuple ? "tuple" : value instanceof Range ? "range" : "list";
        }
        if (value instanceof Function) {
            return value instanceof Macro
                    ? "Macro"
                    : value instanceof Loop ? "LoopContext" : "builtin_function_or_method";
        }
        return NAMES.getOrDefault(value.getClass(), value.getClass().getSimpleName());
    }

    /** With the module where it is not Python's own. */
    static String longName(Object value) {
        return value instanceof Macro || value instanceof Loop || value instanceof Undefined
                ? "jinja2.runtime." + name(value)
                : value instanceof Namespace ? "jinja2.utils.Namespace" : name(value);
    }

    static boolean truth(Object value) {
        if (value instanceof Boolean b) {
            return b;
        }
        if (value instanceof String s) {
            return !s.isEmpty();
        }
        if (value instanceof Collection<?> c) {
            return !c.isEmpty();
        }
        if (value instanceof Map<?, ?> m) {
            return !m.isEmpty();
        }
        if (value instanceof Long n) {
            return n != 0;
        }
        if (value instanceof Double d) {
            return d != 0;
        }
        if (value instanceof View view) {
            return !view.items().isEmpty();
        }
        return value != null && !(value instanceof Undefined);
    }

    /** -1 if Python knows no length of it. Texts are counted in code points. */
    static int length(Object value) {
        if (value instanceof String s) {
            return s.codePointCount(0, s.length());
        }
        if (value instanceof Collection<?> c) {
            return c.size();
        }
        if (value instanceof Map<?, ?> m) {
            return m.size();
        }
        if (value instanceof View view) {
            return view.items().size();
        }
        return value instanceof Undefined ? 0 : -1;
    }

    static boolean isIterable(Object value) {
        return value instanceof String
                || value instanceof Iterable
                || value instanceof Map
                || value instanceof Undefined;
    }

    static Iterator<Object> iterate(Budget budget, Object value) {
        if (value instanceof String s) {
            budget.make(s.length());
            return s.codePoints().<Object>mapToObj(Character::toString).iterator();
        }
        if (value instanceof Undefined) {
            return List.of().iterator();
        }
        Iterable<?> items = value instanceof Map<?, ?> map ? map.keySet() : value instanceof Iterable<?> i ? i : null;
        if (items == null) {
            throw JinjaError.of("'%s' object is not iterable", name(value));
        }
        Iterator<?> plain = items.iterator();
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                // A lazy filter of a lazy filter of ... is as deep as any recursion.
                budget.enter();
                boolean more = plain.hasNext();
                budget.leave();
                return more;
            }

            @Override
            public Object next() {
                budget.charge(1);
                return plain.next();
            }
        };
    }

    static List<Object> list(Budget budget, Object value) {
        List<Object> items = new ArrayList<>();
        Iterator<Object> more = iterate(budget, value);
        while (more.hasNext()) {
            items.add(more.next());
            budget.make(items.size() > Budget.MAX_TEXT ? items.size() : 8);
        }
        return items;
    }

    static boolean isInt(Object value) {
        return value instanceof Long || value instanceof Boolean;
    }

    static long asLong(Object value) {
        if (value instanceof Long n) {
            return n;
        }
        if (value instanceof Boolean b) {
            return b ? 1 : 0;
        }
        if (value instanceof Undefined undefined) {
            throw undefined.fail();
        }
        throw JinjaError.of("'%s' object cannot be interpreted as an integer", name(value));
    }

    /** Of a position or a count: no further than an int, for no list is longer. */
    static int asInt(Object value) {
        return (int) Math.max(Integer.MIN_VALUE + 1, Math.min(Integer.MAX_VALUE, asLong(value)));
    }

    /** A key of a dict, and refused if it can be none. */
    static Object key(Budget budget, Object value) {
        if (value instanceof Tuple tuple) {
            budget.enter();
            tuple.forEach(item -> key(budget, item));
            budget.leave();
        } else if ((value instanceof List && !(value instanceof Range)) || value instanceof Map) {
            throw JinjaError.of("unhashable type: '%s'", name(value));
        }
        return value;
    }
}
