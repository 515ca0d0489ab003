package tutti.common.token.jinja;

import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/** The filters, by name: those of one value here, those of a row of values in {@link ListFilters}. */
final class Filters {
    private static final Map<String, Filter> ALL = new HashMap<>();

    private Filters() {}

    /** {@code value | name(args)}. */
    @FunctionalInterface
    interface Filter {
        Object apply(Rendering rendering, Object value, Args args);
    }

    /** Null if there is none of that name. */
    static Filter find(String name) {
        return ALL.get(name);
    }

    static Filter named(Rendering rendering, Object name) {
        Filter filter = find(Repr.str(rendering.budget(), name));
        if (filter == null) {
            throw JinjaError.of("No filter named %s.", Repr.repr(rendering.budget(), name));
        }
        return filter;
    }

    static {
        text("upper", "", (r, s, a) -> Strings.upper(s));
        text("lower", "", (r, s, a) -> Strings.lower(s));
        text("capitalize", "", (r, s, a) -> Strings.capitalize(s));
        text("title", "", (r, s, a) -> Words.title(s));
        text("trim", "chars?", (r, s, a) -> Strings.strip(s, Methods.chars("strip", a), true, true));
        text("string", "", (r, s, a) -> s);
        text("safe", "", (r, s, a) -> s);
        text("escape", "", (r, s, a) -> Words.escape(s));
        text("e", "", (r, s, a) -> Words.escape(s));
        text("forceescape", "", (r, s, a) -> Words.escape(s));
        text("center", "width?", (r, s, a) -> Methods.center(r, s, Kinds.asInt(a.or(0, 80L)), " "));
        text("wordcount", "", (r, s, a) -> Words.count(s));
        text("replace", "old new count?", (r, s, a) -> {
            Object count = a.or(2, null);
            List<Object> args =
                    List.of(Repr.str(r.budget(), a.at(0)), Repr.str(r.budget(), a.at(1)), count == null ? -1L : count);
            return Methods.find(s, "replace").call(r, s, new Args(args, Map.of()));
        });
        text("format", null, (r, s, a) -> {
            if (!a.list().isEmpty() && !a.named().isEmpty()) {
                throw JinjaError.of("can't handle positional and keyword arguments at the same time");
            }
            return PercentFormat.format(r, s, a.named().isEmpty() ? new Tuple(a.list()) : a.named());
        });
        add("indent", "width? first? blank?", (r, v, a) -> Words.indent(r, v, a));
        add("truncate", "length? killwords? end? leeway?", (r, v, a) -> Words.truncate(v, a));
        add("urlencode", "", Words::urlencode);
        add("tojson", "ensure_ascii? indent? separators? sort_keys?", Json::dumps);
        add("default", "default_value? boolean?", Filters::orDefault);
        add("d", "default_value? boolean?", Filters::orDefault);
        add("length", "", Filters::length);
        add("count", "", Filters::length);
        add(
                "abs",
                "",
                (r, v, a) -> Compare.isNumber(v) && Numbers.asDouble(v) < 0
                        ? Numbers.negate(v)
                        : number("bad operand type for abs(): '%s'", v));
        add("round", "precision? method?", (r, v, a) -> round(v, a));
        add("int", "default? base?", (r, v, a) -> toInt(v, a));
        add("float", "default?", (r, v, a) -> toFloat(v, a.or(0, 0.0)));
        add("attr", "name", (r, v, a) -> {
            String name = Methods.text("attr", a.at(0));
            // A dict has methods and no other attributes.
            return v instanceof Map<?, ?>
                    ? Lookup.attribute(r, Map.of(), name) instanceof Undefined
                            ? Undefined.member(v, name)
                            : Lookup.attribute(r, v, name)
                    : Lookup.attribute(r, v, name);
        });
        ListFilters.addTo(Filters::add);
    }

    @FunctionalInterface
    private interface OfText {
        Object apply(Rendering rendering, String text, Args args);
    }

    /** @param signature as in {@link Args#bind}; null: the filter looks at its arguments itself */
    private static void add(String name, String signature, Filter filter) {
        ALL.put(
                name,
                signature == null
                        ? filter
                        : (r, value, args) -> filter.apply(r, value, args.bind("do_" + name, signature)));
    }

    /** A filter that makes a text of its value first. */
    private static void text(String name, String signature, OfText filter) {
        add(name, signature, (r, value, args) -> {
            String text = Repr.str(r.budget(), value);
            r.budget().make(text.length());
            return filter.apply(r, text, args);
        });
    }

    private static Object orDefault(Rendering rendering, Object value, Args args) {
        boolean missing = value instanceof Undefined || (args.flag(1, false) && !Kinds.truth(value));
        return missing ? args.or(0, "") : value;
    }

    private static Object length(Rendering rendering, Object value, Args args) {
        int length =
                value instanceof Loop loop ? ((Long) loop.member(rendering, "length")).intValue() : Kinds.length(value);
        if (length < 0) {
            throw JinjaError.of("object of type '%s' has no len()", Kinds.name(value));
        }
        return (long) length;
    }

    private static Object number(String message, Object value) {
        if (value instanceof Undefined || !Compare.isNumber(value)) {
            throw JinjaError.of(message, Kinds.name(value));
        }
        return value instanceof Boolean ? (Object) Kinds.asLong(value) : value;
    }

    private static Object round(Object value, Args args) {
        Object number = number("type %s doesn't define __round__ method", value);
        int places = Kinds.asInt(args.or(0, 0L));
        Object method = args.or(1, "common");
        if (method.equals("common")) {
            if (number instanceof Double d) {
                return Numbers.round(d, places);
            }
            return places >= 0 ? number : (Object) (long) Numbers.round(Numbers.asDouble(number), places);
        }
        if (!method.equals("ceil") && !method.equals("floor")) {
            throw JinjaError.of("method must be common, ceil or floor");
        }
        double scale = Math.pow(10, places);
        double scaled = Numbers.asDouble(number) * scale;
        return (method.equals("ceil") ? Math.ceil(scaled) : Math.floor(scaled)) / scale;
    }

    private static Object toInt(Object value, Args args) {
        Object fallback = args.or(0, 0L);
        int base = Kinds.asInt(args.or(1, 10L));
        if (value instanceof String s) {
            String digits = Strings.strip(s, null, true, true).replaceAll("(?<=\\w)_(?=\\w)", "");
            try {
                String prefix = base == 16 ? "0[xX]" : base == 8 ? "0[oO]" : base == 2 ? "0[bB]" : "";
                return Long.parseLong(prefix.isEmpty() ? digits : digits.replaceFirst("^([-+]?)" + prefix, "$1"), base);
            } catch (NumberFormatException e) {
                Object real = toFloat(value, null);
                return real == null || !Double.isFinite((Double) real) ? fallback : (Object) whole((Double) real);
            }
        }
        if (value instanceof Double d) {
            return Double.isFinite(d) ? (Object) whole(d) : fallback;
        }
        if (value instanceof Undefined undefined) {
            throw undefined.fail();
        }
        return Kinds.isInt(value) ? (Object) Kinds.asLong(value) : fallback;
    }

    private static long whole(double value) {
        if (Math.abs(value) >= 0x1p63) {
            throw JinjaError.of("the integer %s does not fit 64 bits", value);
        }
        return (long) value;
    }

    private static Object toFloat(Object value, Object fallback) {
        if (value instanceof Undefined undefined) {
            throw undefined.fail();
        }
        if (Compare.isNumber(value)) {
            return Numbers.asDouble(value);
        }
        if (!(value instanceof String s)) {
            return fallback;
        }
        String text = Strings.lower(Strings.strip(s, null, true, true)).replaceAll("(?<=\\d)_(?=\\d)", "");
        if (text.matches("[-+]?(inf(inity)?|nan)")) {
            return text.endsWith("nan")
                    ? Double.NaN
                    : text.startsWith("-") ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY;
        }
        // Java would take 1f and 0x1p3 as well.
        return text.matches("[-+]?(\\d++(\\.\\d*+)?|\\.\\d++)(e[-+]?\\d++)?")
                ? (Object) Double.parseDouble(text)
                : fallback;
    }

    /** Attributes of a row's items: {@code 'a.b'} or {@code 0}. */
    static java.util.function.UnaryOperator<Object> getter(Rendering rendering, Object attribute, Object fallback) {
        List<Object> parts = attribute == null
                ? List.of()
                : attribute instanceof String s ? Strings.split(s, ".", -1) : List.of(attribute);
        return item -> {
            Object value = item;
            for (Object part : parts) {
                boolean number = part instanceof String s && s.matches("\\d{1,18}");
                value = Lookup.item(rendering, value, number ? (Object) Long.parseLong((String) part) : part);
                value = value instanceof Undefined && fallback != null ? fallback : value;
            }
            return value;
        };
    }

    static Object ignoreCase(Object value, boolean caseSensitive) {
        return !caseSensitive && value instanceof String s ? Strings.lower(s) : value;
    }

    static Iterator<Object> iterate(Rendering rendering, Object value) {
        return Kinds.iterate(rendering.budget(), value);
    }
}
