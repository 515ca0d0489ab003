package tutti.common.token.jinja;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Iterator;
import java.util.Map;

/** Values as text, as Python's {@code str} and {@code repr} write them. */
final class Repr {
    private final Budget budget;
    private final StringBuilder out = new StringBuilder();

    private Repr(Budget budget) {
        this.budget = budget;
    }

    /** What a template prints. */
    static String str(Budget budget, Object value) {
        if (value instanceof String s) {
            return s;
        }
        return value instanceof Undefined ? "" : repr(budget, value);
    }

    static String repr(Budget budget, Object value) {
        Repr repr = new Repr(budget);
        repr.add(value);
        return repr.out.toString();
    }

    private void add(Object value) {
        int before = out.length();
        if (value instanceof String s) {
            out.append(quote(s));
        } else if (value == null) {
            out.append("None");
        } else if (value instanceof Boolean b) {
            out.append(b ? "True" : "False");
        } else if (value instanceof Double d) {
            out.append(number(d));
        } else if (value instanceof Range r) {
            out.append("range(").append(r.start).append(", ").append(r.stop);
            out.append(r.step == 1 ? ")" : ", " + r.step + ")");
        } else if (value instanceof Tuple tuple) {
            items("(", tuple, tuple.size() == 1 ? ",)" : ")");
        } else if (value instanceof Map<?, ?> map) {
            entries("{", map, "}");
        } else if (value instanceof View view) {
            items(view.type() + "([", view, "])");
        } else if (value instanceof Namespace namespace) {
            entries("<Namespace {", namespace.attributes(), "}>");
        } else if (value instanceof Iterable<?> list && !(value instanceof Generator)) {
            items("[", list, "]");
        } else if (value instanceof Undefined) {
            out.append("Undefined");
        } else if (value instanceof Long || value instanceof Macro || value instanceof Loop) {
            out.append(value);
        } else {
            out.append('<').append(Kinds.name(value)).append(" object>");
        }
        budget.make(out.length() > Budget.MAX_TEXT ? out.length() : out.length() - before);
    }

    private void items(String open, Iterable<?> items, String close) {
        budget.enter();
        out.append(open);
        Iterator<?> more = items.iterator();
        while (more.hasNext()) {
            add(more.next());
            out.append(more.hasNext() ? ", " : "");
        }
        out.append(close);
        budget.leave();
    }

    private void entries(String open, Map<?, ?> map, String close) {
        budget.enter();
        out.append(open);
        Iterator<? extends Map.Entry<?, ?>> more = map.entrySet().iterator();
        while (more.hasNext()) {
            Map.Entry<?, ?> entry = more.next();
            add(entry.getKey());
            out.append(": ");
            add(entry.getValue());
            out.append(more.hasNext() ? ", " : "");
        }
        out.append(close);
        budget.leave();
    }

    /** The shortest decimal that reads back as the same double; {@code Double.toString} of Java 17 is not always that. */
    static String number(double d) {
        if (Double.isNaN(d) || Double.isInfinite(d)) {
            return Double.isNaN(d) ? "nan" : d > 0 ? "inf" : "-inf";
        }
        if (d == 0) {
            return 1 / d < 0 ? "-0.0" : "0.0";
        }
        BigDecimal exact = new BigDecimal(d);
        BigDecimal shortest = exact;
        for (int digits = 1; digits <= 17; digits++) {
            shortest = exact.round(new MathContext(digits));
            if (shortest.doubleValue() == d) {
                break;
            }
        }
        shortest = shortest.stripTrailingZeros();
        String digits = shortest.unscaledValue().abs().toString();
        int exponent = digits.length() - 1 - shortest.scale();
        String sign = d < 0 ? "-" : "";
        if (exponent < -4 || exponent >= 16) {
            String fraction = digits.length() > 1 ? "." + digits.substring(1) : "";
            return "%s%c%se%c%02d"
                    .formatted(sign, digits.charAt(0), fraction, exponent < 0 ? '-' : '+', Math.abs(exponent));
        }
        String plain = shortest.abs().toPlainString();
        return sign + plain + (plain.contains(".") ? "" : ".0");
    }

    /** In single quotes, unless there is one inside and no double quote. */
    static String quote(String text) {
        char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
        StringBuilder quoted = new StringBuilder(text.length() + 2).append(quote);
        text.codePoints().forEach(c -> {
            switch (c) {
                case '\n' -> quoted.append("\\n");
                case '\r' -> quoted.append("\\r");
                case '\t' -> quoted.append("\\t");
                case '\\' -> quoted.append("\\\\");
                default -> {
                    if (c == quote) {
                        quoted.append('\\').append(quote);
                    } else if (c == ' ' || isPrintable(c)) {
                        quoted.appendCodePoint(c);
                    } else {
                        quoted.append((c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x").formatted(c));
                    }
                }
            }
        });
        return quoted.append(quote).toString();
    }

    private static boolean isPrintable(int c) {
        return switch (Character.getType(c)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.PRIVATE_USE,
                    Character.UNASSIGNED,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR,
                    Character.SPACE_SEPARATOR -> false;
            default -> true;
        };
    }
}
