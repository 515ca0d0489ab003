package tutti.common.token.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * {@code a.b}, {@code a[b]} and {@code a[b:c:d]}. As in Jinja2 the dot looks for a method first and for a key then, brackets
 * the other way round. Methods that would change a value, and everything with an underscore in front, are there but of no use.
 */
final class Lookup {
    private static final Set<String> CHANGES_LIST =
            Set.of("append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove");
    private static final Set<String> CHANGES_DICT = Set.of("clear", "pop", "popitem", "setdefault", "update");
    private static final Set<String> INTERNAL = Set.of(
            "__class__",
            "__init__",
            "__doc__",
            "__dir__",
            "__getattribute__",
            "__hash__",
            "__new__",
            "__reduce__",
            "__reduce_ex__",
            "__repr__",
            "__setattr__",
            "__sizeof__",
            "__str__",
            "__subclasshook__",
            "__eq__",
            "__init_subclass__",
            "__format__",
            "__delattr__",
            "__ne__",
            "__lt__",
            "__le__",
            "__gt__",
            "__ge__");

    private Lookup() {}

    static Object attribute(Rendering rendering, Object owner, String name) {
        if (owner instanceof Undefined undefined && !INTERNAL.contains(name)) {
            throw undefined.fail();
        }
        Object found = method(rendering, owner, name);
        if (found == Args.MISSING && owner instanceof Map<?, ?> map && map.containsKey(name)) {
            return map.get(name);
        }
        return found == Args.MISSING ? Undefined.member(owner, name) : found;
    }

    static Object item(Rendering rendering, Object owner, Object key) {
        if (owner instanceof Undefined undefined) {
            throw undefined.fail();
        }
        if (owner instanceof Map<?, ?> map && !isUnhashable(key)) {
            Object found = map.get(Kinds.key(rendering.budget(), key));
            if (found != null || map.containsKey(key)) {
                return found;
            }
        } else if (Kinds.isInt(key) && (owner instanceof List || owner instanceof String)) {
            int length = Kinds.length(owner);
            long index = Kinds.asLong(key);
            long at = index < 0 ? index + length : index;
            if (at >= 0 && at < length) {
                return owner instanceof String s ? Strings.at(s, (int) at) : ((List<?>) owner).get((int) at);
            }
        }
        Object found = key instanceof String name ? method(rendering, owner, name) : Args.MISSING;
        return found == Args.MISSING ? Undefined.member(owner, key) : found;
    }

    private static boolean isUnhashable(Object key) {
        return key instanceof Map || (key instanceof List && !(key instanceof Tuple) && !(key instanceof Range));
    }

    private static Object method(Rendering rendering, Object owner, String name) {
        if (INTERNAL.contains(name)
                || (owner instanceof Map && CHANGES_DICT.contains(name))
                || (Kinds.name(owner).equals("list") && CHANGES_LIST.contains(name))) {
            return Undefined.unsafe(owner, name);
        }
        if (owner instanceof Members members) {
            return members.member(rendering, name);
        }
        if (owner instanceof Namespace namespace) {
            return namespace.attributes().getOrDefault(name, Args.MISSING);
        }
        Methods.Method method = Methods.find(owner, name);
        return method == null ? Args.MISSING : (Function) (r, args) -> method.call(r, owner, args);
    }

    /** Each bound may be null. */
    static Object slice(Rendering rendering, Object owner, Object from, Object to, Object by) {
        if (owner instanceof Undefined undefined) {
            throw undefined.fail();
        }
        if (owner instanceof Map) {
            throw JinjaError.of("unhashable type: 'slice'");
        }
        if (!(owner instanceof String) && !(owner instanceof List)) {
            throw JinjaError.of("'%s' object is not subscriptable", Kinds.name(owner));
        }
        long step = by == null ? 1 : bound(by);
        if (step == 0) {
            throw JinjaError.of("slice step cannot be zero");
        }
        int length = Kinds.length(owner);
        long start = clamp(from, step > 0 ? 0 : length - 1, length, step);
        long stop = clamp(to, step > 0 ? length : -1, length, step);
        if (owner instanceof String s && step == 1) {
            rendering.budget().charge(s.length());
            return Strings.sub(s, (int) start, (int) Math.max(start, stop));
        }
        if (owner instanceof Range range) {
            return new Range(range.start + start * range.step, range.start + stop * range.step, range.step * step);
        }
        rendering.budget().make(8L * length);
        List<?> items = owner instanceof String s ? Kinds.list(rendering.budget(), s) : (List<?>) owner;
        List<Object> picked = new ArrayList<>();
        for (long i = start; step > 0 ? i < stop : i > stop; i += step) {
            picked.add(items.get((int) i));
        }
        if (owner instanceof String) {
            StringBuilder text = new StringBuilder();
            picked.forEach(text::append);
            return text.toString();
        }
        return owner instanceof Tuple ? new Tuple(picked) : picked;
    }

    private static long bound(Object value) {
        if (!Kinds.isInt(value)) {
            throw JinjaError.of("slice indices must be integers or None or have an __index__ method");
        }
        return Kinds.asInt(value);
    }

    private static long clamp(Object value, int unset, int length, long step) {
        if (value == null) {
            return unset;
        }
        long at = bound(value);
        at = at < 0 ? at + length : at;
        return step > 0 ? Math.max(0, Math.min(length, at)) : Math.max(-1, Math.min(length - 1, at));
    }
}
