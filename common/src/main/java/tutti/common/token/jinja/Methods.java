package tutti.common.token.jinja;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;

/** The methods of Python's str, dict, list and tuple that change nothing. */
final class Methods {
    private static final Map<String, Method> OF_STR = new HashMap<>();
    private static final Map<String, Method> OF_DICT = new HashMap<>();
    private static final Map<String, Method> OF_LIST = new HashMap<>();

    private Methods() {}

    /** A method with its owner still to come. */
    @FunctionalInterface
    interface Method {
        Object call(Rendering rendering, Object owner, Args args);
    }

    @FunctionalInterface
    private interface OfStr {
        Object call(Rendering rendering, String text, Args args);
    }

    static Method find(Object owner, String name) {
        if (owner instanceof String) {
            return OF_STR.get(name);
        }
        if (owner instanceof Map) {
            return OF_DICT.get(name);
        }
        // What cannot change needs no copy.
        boolean fixed = owner instanceof Tuple || owner instanceof Range;
        return owner instanceof List && !(fixed && name.equals("copy")) ? OF_LIST.get(name) : null;
    }

    static {
        str("strip", "/chars?", (r, s, a) -> Strings.strip(s, chars("strip", a), true, true));
        str("lstrip", "/chars?", (r, s, a) -> Strings.strip(s, chars("lstrip", a), true, false));
        str("rstrip", "/chars?", (r, s, a) -> Strings.strip(s, chars("rstrip", a), false, true));
        str("split", "sep? maxsplit?", (r, s, a) -> split(s, a, false));
        str("rsplit", "sep? maxsplit?", (r, s, a) -> split(s, a, true));
        str("splitlines", "keepends?", (r, s, a) -> Strings.lines(s, a.flag(0, false)));
        str("upper", "/", (r, s, a) -> Strings.upper(s));
        str("lower", "/", (r, s, a) -> Strings.lower(s));
        str("casefold", "/", (r, s, a) -> Strings.lower(Strings.upper(s)));
        str("title", "/", (r, s, a) -> Strings.title(s));
        str("capitalize", "/", (r, s, a) -> Strings.capitalize(s));
        str("startswith", "/prefix start? end?", (r, s, a) -> startsOrEnds("startswith", s, a));
        str("endswith", "/suffix start? end?", (r, s, a) -> startsOrEnds("endswith", s, a));
        str("removeprefix", "/prefix", (r, s, a) -> {
            String prefix = text("removeprefix", a.at(0));
            return s.startsWith(prefix) ? s.substring(prefix.length()) : s;
        });
        str("removesuffix", "/suffix", (r, s, a) -> {
            String suffix = text("removesuffix", a.at(0));
            return s.endsWith(suffix) ? s.substring(0, s.length() - suffix.length()) : s;
        });
        str("replace", "/old new count?", (r, s, a) -> {
            String old = text("replace", 1, a.at(0));
            String with = text("replace", 2, a.at(1));
            long growth = Math.max(0, with.length() - old.length());
            r.budget().make(s.length() + growth * (s.length() / Math.max(1, old.length()) + 1));
            return Strings.replace(s, old, with, Kinds.asLong(a.or(2, -1L)));
        });
        str("find", "/sub start? end?", (r, s, a) -> find(s, a, false));
        str("rfind", "/sub start? end?", (r, s, a) -> find(s, a, true));
        str("index", "/sub start? end?", (r, s, a) -> found(find(s, a, false)));
        str("rindex", "/sub start? end?", (r, s, a) -> found(find(s, a, true)));
        str("count", "/sub start? end?", (r, s, a) -> {
            String part = part(a.at(0));
            String within = window(s, a);
            if (within == null) {
                return 0L;
            }
            return part.isEmpty()
                    ? (Object) (long) (Kinds.length(within) + 1)
                    : (Object) (long) (Strings.split(within, part, -1).size() - 1);
        });
        str("join", "/iterable", Methods::join);
        str("format", null, TextFormat::format);
        str("partition", "/sep", (r, s, a) -> partition(s, part(a.at(0)), false));
        str("rpartition", "/sep", (r, s, a) -> partition(s, part(a.at(0)), true));
        str("zfill", "/width", (r, s, a) -> {
            int sign = s.startsWith("-") || s.startsWith("+") ? 1 : 0;
            return s.substring(0, sign) + pad(r, "", missing(s, a), "0") + s.substring(sign);
        });
        str("ljust", "/width fill?", (r, s, a) -> pad(r, s, missing(s, a), fill(a)));
        str("rjust", "/width fill?", (r, s, a) -> pad(r, "", missing(s, a), fill(a)) + s);
        str("center", "/width fill?", (r, s, a) -> center(r, s, Kinds.asInt(a.at(0)), fill(a)));
        all("isdigit", Character::isDigit);
        all("isdecimal", Character::isDigit);
        all("isnumeric", Character::isDigit);
        all("isalpha", Character::isLetter);
        all("isalnum", Character::isLetterOrDigit);
        all("isspace", Strings::isSpace);
        str("isupper", "/", (r, s, a) -> Strings.isUpper(s));
        str("islower", "/", (r, s, a) -> Strings.isLower(s));
        str("istitle", "/", (r, s, a) -> s.codePoints().anyMatch(Strings::isCased) && s.equals(Strings.title(s)));
        str("isascii", "/", (r, s, a) -> s.chars().allMatch(c -> c < 128));
        dict("items", "/", (r, map, a) -> items(map));
        dict("keys", "/", (r, map, a) -> new View("dict_keys", list(map.keySet())));
        dict("values", "/", (r, map, a) -> new View("dict_values", list(map.values())));
        dict("get", "/key default?", (r, map, a) -> {
            Object key = Kinds.key(r.budget(), a.at(0));
            return map.containsKey(key) ? map.get(key) : a.or(1, null);
        });
        dict("copy", "/", (r, map, a) -> new java.util.LinkedHashMap<>(map));
        ofList("count", "/value", (r, list, a) -> {
            long count = 0;
            for (Object item : list) {
                count += Compare.equal(r.budget(), item, a.at(0)) ? 1 : 0;
            }
            return count;
        });
        ofList("index", "/value", (r, list, a) -> {
            for (int i = 0; i < list.size(); i++) {
                if (Compare.equal(r.budget(), list.get(i), a.at(0))) {
                    return (long) i;
                }
            }
            throw JinjaError.of(
                    list instanceof Tuple ? "tuple.index(x): x not in tuple" : "%s is not in list",
                    Repr.repr(r.budget(), a.at(0)));
        });
        ofList("copy", "/", (r, list, a) -> new ArrayList<>(list));
    }

    @FunctionalInterface
    private interface OfDict {
        Object call(Rendering rendering, Map<?, ?> map, Args args);
    }

    @FunctionalInterface
    private interface OfList {
        Object call(Rendering rendering, List<?> list, Args args);
    }

    private static void str(String name, String signature, OfStr body) {
        OF_STR.put(name, (r, owner, args) -> {
            String text = (String) owner;
            r.budget().charge(text.length());
            return body.call(r, text, signature == null ? args : args.bind("str." + name, signature));
        });
    }

    private static void dict(String name, String signature, OfDict body) {
        OF_DICT.put(name, (r, owner, args) -> {
            r.budget().charge(8L * ((Map<?, ?>) owner).size());
            return body.call(r, (Map<?, ?>) owner, args.bind("dict." + name, signature));
        });
    }

    private static void ofList(String name, String signature, OfList body) {
        OF_LIST.put(name, (r, owner, args) -> {
            r.budget().charge(8L * ((List<?>) owner).size());
            return body.call(r, (List<?>) owner, args.bind("list." + name, signature));
        });
    }

    private static void all(String name, IntPredicate test) {
        str(name, "/", (r, s, a) -> !s.isEmpty() && s.codePoints().allMatch(test));
    }

    static View items(Map<?, ?> map) {
        List<Object> pairs = new ArrayList<>(map.size());
        map.forEach((key, value) -> pairs.add(Tuple.of(key, value)));
        return new View("dict_items", pairs);
    }

    private static List<Object> list(java.util.Collection<?> items) {
        return new ArrayList<>(items);
    }

    static String text(String method, Object value) {
        if (value instanceof String s) {
            return s;
        }
        throw JinjaError.of("%s() argument must be str, not %s", method, Kinds.name(value));
    }

    private static String text(String method, int place, Object value) {
        if (value instanceof String s) {
            return s;
        }
        throw JinjaError.of("%s() argument %d must be str, not %s", method, place, Kinds.name(value));
    }

    private static String part(Object value) {
        if (value instanceof String s) {
            return s;
        }
        throw JinjaError.of("must be str, not %s", Kinds.name(value));
    }

    private static String fill(Args args) {
        Object fill = args.or(1, " ");
        if (!(fill instanceof String text)) {
            throw JinjaError.of("The fill character must be a unicode character, not %s", Kinds.name(fill));
        }
        if (Kinds.length(text) != 1) {
            throw JinjaError.of("The fill character must be exactly one character long");
        }
        return text;
    }

    static String chars(String method, Args args) {
        Object chars = args.or(0, null);
        if (chars != null && !(chars instanceof String)) {
            throw JinjaError.of("%s arg must be None or str", method);
        }
        return (String) chars;
    }

    private static Object split(String text, Args args, boolean right) {
        Object separator = args.or(0, null);
        long max = Kinds.asLong(args.or(1, -1L));
        if (separator == null) {
            return right ? Strings.wordsRight(text, max) : Strings.words(text, max);
        }
        if (!(separator instanceof String by)) {
            throw JinjaError.of("must be str or None, not %s", Kinds.name(separator));
        }
        if (by.isEmpty()) {
            throw JinjaError.of("empty separator");
        }
        return right ? Strings.splitRight(text, by, max) : Strings.split(text, by, max);
    }

    /** The part of a text between the optional second and third argument. */
    private static String window(String text, Args args) {
        int length = Kinds.length(text);
        int start = place(args.or(1, null), 0, length);
        int end = place(args.or(2, null), length, length);
        boolean beyond = args.or(1, null) != null && Kinds.asInt(args.at(1)) > length;
        return beyond || start > end ? null : Strings.sub(text, start, end);
    }

    private static int place(Object value, int unset, int length) {
        if (value == null) {
            return unset;
        }
        int at = Kinds.asInt(value);
        return Math.max(0, Math.min(length, at < 0 ? at + length : at));
    }

    private static boolean startsOrEnds(String method, String text, Args args) {
        Object wanted = args.at(0);
        if (!(wanted instanceof String) && !(wanted instanceof Tuple)) {
            throw JinjaError.of("%s first arg must be str or a tuple of str, not %s", method, Kinds.name(wanted));
        }
        String within = window(text, args);
        for (Object one : wanted instanceof Tuple tuple ? tuple : List.of(wanted)) {
            if (!(one instanceof String part)) {
                throw JinjaError.of("tuple for %s must only contain str, not %s", method, Kinds.name(one));
            }
            if (within != null && (method.equals("endswith") ? within.endsWith(part) : within.startsWith(part))) {
                return true;
            }
        }
        return false;
    }

    private static long find(String text, Args args, boolean last) {
        String part = part(args.at(0));
        String within = window(text, args);
        int at = within == null ? -1 : last ? within.lastIndexOf(part) : within.indexOf(part);
        return at < 0 ? -1 : place(args.or(1, null), 0, Kinds.length(text)) + within.codePointCount(0, at);
    }

    private static Object found(long at) {
        if (at < 0) {
            throw JinjaError.of("substring not found");
        }
        return at;
    }

    private static Object join(Rendering rendering, String separator, Args args) {
        if (!Kinds.isIterable(args.at(0))) {
            throw JinjaError.of("can only join an iterable");
        }
        StringBuilder out = new StringBuilder();
        int index = 0;
        for (Object item : Kinds.list(rendering.budget(), args.at(0))) {
            if (!(item instanceof String text)) {
                throw JinjaError.of("sequence item %d: expected str instance, %s found", index, Kinds.name(item));
            }
            rendering.budget().make((long) out.length() + text.length() + separator.length());
            out.append(index++ == 0 ? "" : separator).append(text);
        }
        return out.toString();
    }

    private static Object partition(String text, String separator, boolean last) {
        if (separator.isEmpty()) {
            throw JinjaError.of("empty separator");
        }
        int at = last ? text.lastIndexOf(separator) : text.indexOf(separator);
        if (at < 0) {
            return last ? Tuple.of("", "", text) : Tuple.of(text, "", "");
        }
        return Tuple.of(text.substring(0, at), separator, text.substring(at + separator.length()));
    }

    private static int missing(String text, Args args) {
        return Math.max(0, Kinds.asInt(args.at(0)) - Kinds.length(text));
    }

    static String pad(Rendering rendering, String text, int count, String fill) {
        rendering.budget().make((long) text.length() + count);
        return text + fill.repeat(count);
    }

    static String center(Rendering rendering, String text, int width, String fill) {
        int missing = Math.max(0, width - Kinds.length(text));
        // CPython puts the odd one to the left if the width is odd.
        int left = missing / 2 + (missing & width & 1);
        return pad(rendering, pad(rendering, "", left, fill) + text, missing - left, fill);
    }
}
