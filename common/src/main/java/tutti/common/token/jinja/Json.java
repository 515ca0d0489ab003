package tutti.common.token.jinja;

import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The filter {@code tojson} as transformers defines it: Python's {@code json.dumps} without escapes for HTML. */
final class Json {
    private final Budget budget;
    private final StringBuilder out = new StringBuilder();
    private final boolean ascii;
    private final boolean sorted;
    private final String indent;
    private final String comma;
    private final String colon;

    private Json(Budget budget, boolean ascii, Object indent, Object separators, boolean sorted) {
        this.budget = budget;
        this.ascii = ascii;
        this.sorted = sorted;
        this.indent = indent == null || indent instanceof String
                ? (String) indent
                : " ".repeat(Math.max(0, Math.min(1000, Kinds.asInt(indent))));
        if (separators == null) {
            this.comma = this.indent == null ? ", " : ",";
            this.colon = ": ";
        } else {
            List<Object> two = Target.unpack(budget, separators, 2);
            this.comma = Methods.text("separators", two.get(0));
            this.colon = Methods.text("separators", two.get(1));
        }
    }

    /** @param args ensure_ascii, indent, separators, sort_keys */
    static String dumps(Rendering rendering, Object value, Args args) {
        Json json = new Json(
                rendering.budget(), args.flag(0, false), args.or(1, null), args.or(2, null), args.flag(3, false));
        json.add(value, "\n");
        return json.out.toString();
    }

    /** @param line a newline and the indent of what surrounds the value */
    private void add(Object value, String line) {
        int before = out.length();
        if (value == null) {
            out.append("null");
        } else if (value instanceof String s) {
            quote(s);
        } else if (value instanceof Boolean || value instanceof Long) {
            out.append(value);
        } else if (value instanceof Double d) {
            out.append(number(d));
        } else if (value instanceof Map<?, ?> map) {
            dict(map, line);
        } else if (value instanceof List<?> list && !(value instanceof Range)) {
            list(list, line);
        } else {
            throw JinjaError.of("Object of type %s is not JSON serializable", Kinds.name(value));
        }
        budget.make(out.length() > Budget.MAX_TEXT ? out.length() : out.length() - before);
    }

    private static String number(double d) {
        return Double.isNaN(d) ? "NaN" : Double.isInfinite(d) ? (d > 0 ? "Infinity" : "-Infinity") : Repr.number(d);
    }

    private void list(List<?> list, String line) {
        budget.enter();
        String inner = open('[', list.isEmpty(), line);
        for (int i = 0; i < list.size(); i++) {
            out.append(i == 0 ? "" : comma + inner);
            add(list.get(i), inner);
        }
        close(']', list.isEmpty(), line);
        budget.leave();
    }

    private void dict(Map<?, ?> map, String line) {
        budget.enter();
        Map<?, ?> entries = map;
        if (sorted) {
            Map<Object, Object> byKey = new TreeMap<>((a, b) -> Compare.order(budget, a, b));
            byKey.putAll(map);
            entries = byKey;
        }
        String inner = open('{', entries.isEmpty(), line);
        Iterator<? extends Map.Entry<?, ?>> more = entries.entrySet().iterator();
        while (more.hasNext()) {
            Map.Entry<?, ?> entry = more.next();
            quote(key(entry.getKey()));
            out.append(colon);
            add(entry.getValue(), inner);
            out.append(more.hasNext() ? comma + inner : "");
        }
        close('}', entries.isEmpty(), line);
        budget.leave();
    }

    private String open(char bracket, boolean empty, String line) {
        String inner = indent == null ? "" : line + indent;
        out.append(bracket).append(empty ? "" : inner);
        return inner;
    }

    private void close(char bracket, boolean empty, String line) {
        out.append(empty || indent == null ? "" : line).append(bracket);
    }

    private static String key(Object key) {
        if (key instanceof String s) {
            return s;
        }
        if (key == null || key instanceof Boolean || key instanceof Long) {
            return String.valueOf(key);
        }
        if (key instanceof Double d) {
            return number(d);
        }
        throw JinjaError.of("keys must be str, int, float, bool or None, not %s", Kinds.name(key));
    }

    private void quote(String text) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '"' -> out.append("\\\"");
                case '\\' -> out.append("\\\\");
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                case '\f' -> out.append("\\f");
                case '\b' -> out.append("\\b");
                default -> {
                    if (c < ' ' || (ascii && c > '~')) {
                        out.append("\\u%04x".formatted((int) c));
                    } else {
                        out.append(c);
                    }
                }
            }
        }
        out.append('"');
    }
}
