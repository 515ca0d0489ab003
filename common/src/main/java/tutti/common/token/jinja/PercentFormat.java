package tutti.common.token.jinja;

import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code '%s is %d' % (name, n)}. */
final class PercentFormat {
    private static final Pattern FIELD =
            Pattern.compile("%(?:\\(([^)]*)\\))?([-+ #0]*)(\\d+|\\*)?(?:\\.(\\d+))?[hlL]?(.)?", Pattern.DOTALL);

    private PercentFormat() {}

    static String format(Rendering rendering, String format, Object values) {
        List<?> items = values instanceof Tuple tuple ? tuple : java.util.Collections.singletonList(values);
        StringBuilder out = new StringBuilder();
        Matcher field = FIELD.matcher(format);
        int from = 0;
        int used = 0;
        boolean byName = false;
        while (field.find(from)) {
            out.append(format, from, field.start());
            from = field.end();
            if (field.group(5) == null) {
                throw JinjaError.of("incomplete format");
            }
            if (field.group(5).equals("%")) {
                out.append('%');
                continue;
            }
            Object value;
            if (field.group(1) != null) {
                if (!(values instanceof Map<?, ?> map)) {
                    throw JinjaError.of("format requires a mapping");
                }
                if (!map.containsKey(field.group(1))) {
                    throw JinjaError.of("%s", Repr.quote(field.group(1)));
                }
                byName = true;
                value = map.get(field.group(1));
            } else {
                if (used >= items.size()) {
                    throw JinjaError.of("not enough arguments for format string");
                }
                value = items.get(used++);
            }
            out.append(one(rendering, field, value));
            rendering.budget().make(out.length());
        }
        // Python takes what has items for a mapping, and a mapping may hold more than the format asks for.
        boolean mapping = values instanceof Map
                || values instanceof Undefined
                || (values instanceof List && !(values instanceof Tuple));
        if (!byName && used < items.size() && !mapping) {
            throw JinjaError.of("not all arguments converted during string formatting");
        }
        return out.append(format.substring(from)).toString();
    }

    private static String one(Rendering rendering, Matcher field, Object value) {
        String flags = field.group(2);
        char kind = field.group(5).charAt(0);
        int places = field.group(4) == null ? -1 : number(field.group(4));
        String text;
        switch (kind) {
            case 's', 'r', 'a' -> {
                text = kind == 's' ? Repr.str(rendering.budget(), value) : Repr.repr(rendering.budget(), value);
                text = places < 0 ? text : Strings.sub(text, 0, Math.min(places, Kinds.length(text)));
            }
            case 'd', 'i', 'u' -> {
                if (!Compare.isNumber(value)) {
                    throw JinjaError.of("%%%s format: a real number is required, not %s", kind, Kinds.name(value));
                }
                text = Long.toString(value instanceof Double d ? (long) (double) d : Kinds.asLong(value));
            }
            case 'x', 'X', 'o' -> {
                if (!Kinds.isInt(value)) {
                    throw JinjaError.of("%%%s format: an integer is required, not %s", kind, Kinds.name(value));
                }
                text = TextFormat.number(kind, -1, value);
            }
            case 'f', 'F', 'e', 'E' -> {
                if (!Compare.isNumber(value)) {
                    throw JinjaError.of("must be real number, not %s", Kinds.name(value));
                }
                text = TextFormat.number(kind, places, value);
            }
            case 'c' -> text = value instanceof String s ? s : Character.toString((int) Kinds.asLong(value));
            default ->
                throw JinjaError.of(
                        "unsupported format character '%s' (0x%x) at index %d", kind, (int) kind, field.start(5));
        }
        boolean numeric = "srac".indexOf(kind) < 0;
        if (numeric && !text.startsWith("-")) {
            text = (flags.contains("+") ? "+" : flags.contains(" ") ? " " : "") + text;
        }
        int width = field.group(3) == null ? 0 : number(field.group(3));
        char align = flags.contains("-") ? '<' : numeric && flags.contains("0") ? '=' : '>';
        return TextFormat.align(rendering, text, width, align, align == '=' ? "0" : " ");
    }

    private static int number(String digits) {
        if (digits.equals("*") || digits.length() > 8) {
            throw JinjaError.of("the width or precision %s of a format is not supported", digits);
        }
        return Integer.parseInt(digits);
    }
}
