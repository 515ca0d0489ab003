package tutti.common.token.jinja;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code '{} is {name:>8}'.format(x, name=y)}. Fields inside the format of a field are not supported. */
final class TextFormat {
    private static final Pattern FIELD =
            Pattern.compile("\\{\\{|\\}\\}|\\{([^{}!:]*)(?:!([rsa]))?(?::([^{}]*))?\\}|[{}]");
    private static final Pattern PART = Pattern.compile("\\.([^.\\[]+)|\\[([^\\]]+)\\]");
    private static final Pattern SPEC = Pattern.compile(
            "(?:(.)?([<>=^]))?([-+ ])?(0)?(\\d{1,8})?(,)?(?:\\.(\\d{1,3}))?([sdfFeExXobn%])?", Pattern.DOTALL);

    private TextFormat() {}

    static Object format(Rendering rendering, String format, Args args) {
        StringBuilder out = new StringBuilder();
        Matcher field = FIELD.matcher(format);
        int from = 0;
        int[] next = {0};
        while (field.find()) {
            out.append(format, from, field.start());
            from = field.end();
            switch (field.group()) {
                case "{{" -> out.append('{');
                case "}}" -> out.append('}');
                case "{" -> throw JinjaError.of("expected '}' before end of string");
                case "}" -> throw JinjaError.of("Single '}' encountered in format string");
                default -> {
                    Object value = value(rendering, field.group(1), args, next);
                    if (field.group(2) != null) {
                        value = field.group(2).equals("s")
                                ? Repr.str(rendering.budget(), value)
                                : Repr.repr(rendering.budget(), value);
                    }
                    out.append(one(rendering, value, field.group(3) == null ? "" : field.group(3)));
                }
            }
            rendering.budget().make(out.length());
        }
        return out.append(format.substring(from)).toString();
    }

    private static Object value(Rendering rendering, String path, Args args, int[] next) {
        int end = path.length();
        for (int i = 0; i < path.length() && end == path.length(); i++) {
            end = path.charAt(i) == '.' || path.charAt(i) == '[' ? i : end;
        }
        String first = path.substring(0, end);
        Object value;
        if (first.isEmpty() || first.matches("\\d{1,6}")) {
            int index = first.isEmpty() ? next[0]++ : Integer.parseInt(first);
            if (index >= args.list().size()) {
                throw JinjaError.of("tuple index out of range");
            }
            value = args.list().get(index);
        } else {
            if (!args.named().containsKey(first)) {
                throw JinjaError.of("%s", Repr.quote(first));
            }
            value = args.named().get(first);
        }
        Matcher part = PART.matcher(path).region(end, path.length());
        while (part.find()) {
            String key = part.group(2);
            value = key == null
                    ? Lookup.attribute(rendering, value, part.group(1))
                    : Lookup.item(rendering, value, key.matches("\\d{1,9}") ? (Object) Long.parseLong(key) : key);
        }
        return value;
    }

    private static String one(Rendering rendering, Object value, String spec) {
        if (spec.isEmpty()) {
            return Repr.str(rendering.budget(), value);
        }
        Matcher parts = SPEC.matcher(spec);
        boolean numeric = Compare.isNumber(value);
        if (!parts.matches() || !(numeric || value instanceof String)) {
            throw JinjaError.of("the format '%s' of a %s is not supported", spec, Kinds.name(value));
        }
        String kind = parts.group(8);
        int places = parts.group(7) == null ? -1 : Integer.parseInt(parts.group(7));
        String text;
        if (!numeric) {
            if (kind != null && !kind.equals("s")) {
                throw JinjaError.of("Unknown format code '%s' for object of type 'str'", kind);
            }
            text = (String) value;
            text = places < 0 ? text : Strings.sub(text, 0, Math.min(places, Kinds.length(text)));
        } else {
            boolean plain = kind == null || kind.equals("n");
            text = plain && places < 0
                    ? Repr.str(rendering.budget(), value)
                    : number(plain ? 'f' : kind.charAt(0), places, value);
            text = parts.group(6) == null ? text : group(text);
            String sign = parts.group(3);
            text = text.startsWith("-") || sign == null || sign.equals("-") ? text : sign + text;
        }
        boolean zero = parts.group(4) != null && parts.group(2) == null;
        String fill = zero ? "0" : parts.group(1) == null ? " " : parts.group(1);
        char align = parts.group(2) != null ? parts.group(2).charAt(0) : zero ? '=' : numeric ? '>' : '<';
        return align(rendering, text, parts.group(5) == null ? 0 : Integer.parseInt(parts.group(5)), align, fill);
    }

    /** @param places behind the point, or negative for Python's six */
    static String number(char kind, int places, Object value) {
        return switch (kind) {
            case 'd' -> Long.toString(Kinds.asLong(value));
            case 'x' -> Long.toString(Kinds.asLong(value), 16);
            case 'X' -> Long.toString(Kinds.asLong(value), 16).toUpperCase(Locale.ROOT);
            case 'o' -> Long.toString(Kinds.asLong(value), 8);
            case 'b' -> Long.toString(Kinds.asLong(value), 2);
            case 'e', 'E' -> ("%." + (places < 0 ? 6 : places) + kind).formatted(Numbers.asDouble(value));
            case '%' -> fixed(Numbers.asDouble(value) * 100, places) + "%";
            default -> fixed(Numbers.asDouble(value), places);
        };
    }

    private static String fixed(double value, int places) {
        if (Double.isNaN(value) || Double.isInfinite(value)) {
            return Repr.number(value);
        }
        String text = new BigDecimal(value)
                .setScale(places < 0 ? 6 : places, RoundingMode.HALF_EVEN)
                .toPlainString();
        return value < 0 && !text.startsWith("-") ? "-" + text : text;
    }

    private static String group(String number) {
        int point = number.indexOf('.') < 0 ? number.length() : number.indexOf('.');
        return number.substring(0, point).replaceAll("(?<=\\d)(?=(\\d{3})+$)", ",") + number.substring(point);
    }

    static String align(Rendering rendering, String text, int width, char align, String fill) {
        int missing = Math.max(0, width - Kinds.length(text));
        int left = align == '^' ? missing / 2 : align == '<' ? 0 : missing;
        int sign = align == '=' && (text.startsWith("-") || text.startsWith("+")) ? 1 : 0;
        String padding = Methods.pad(rendering, "", left, fill);
        return text.substring(0, sign) + padding + Methods.pad(rendering, text.substring(sign), missing - left, fill);
    }
}
