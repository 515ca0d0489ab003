package tutti.common.token.jinja;

/** Strings and numbers as a template writes them. */
final class Literals {
    private Literals() {}

    /** Behind the closing quote of the string that begins at {@code from}; 0 if none begins there or it never ends. */
    static int endOfString(String source, int from) {
        char quote = source.charAt(from);
        if (quote != '\'' && quote != '"') {
            return 0;
        }
        for (int i = from + 1; i < source.length(); i++) {
            if (source.charAt(i) == '\\') {
                i++;
            } else if (source.charAt(i) == quote) {
                return i + 1;
            }
        }
        return 0;
    }

    /** Python's escapes; an unknown one stays as it is. */
    static String unescape(String raw, int line) {
        if (raw.indexOf('\\') < 0) {
            return raw;
        }
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < raw.length(); i++) {
            char c = raw.charAt(i);
            if (c != '\\') {
                out.append(c);
                continue;
            }
            char escape = raw.charAt(++i);
            switch (escape) {
                case '\n' -> {}
                case 'n' -> out.append('\n');
                case 't' -> out.append('\t');
                case 'r' -> out.append('\r');
                case 'b' -> out.append('\b');
                case 'f' -> out.append('\f');
                case 'a' -> out.append('\u0007');
                case 'v' -> out.append('\u000b');
                case '\\', '\'', '"' -> out.append(escape);
                case 'x' -> i = hex(raw, i, 2, out, line);
                case 'u' -> i = hex(raw, i, 4, out, line);
                case 'U' -> i = hex(raw, i, 8, out, line);
                default -> {
                    if (escape >= '0' && escape <= '7') {
                        int end = i;
                        while (end < raw.length() && end < i + 3 && raw.charAt(end) >= '0' && raw.charAt(end) <= '7') {
                            end++;
                        }
                        out.appendCodePoint(Integer.parseInt(raw.substring(i, end), 8));
                        i = end - 1;
                    } else {
                        out.append('\\').append(escape);
                    }
                }
            }
        }
        return out.toString();
    }

    private static int hex(String raw, int at, int digits, StringBuilder out, int line) {
        int end = at + 1;
        while (end < raw.length() && end <= at + digits && Character.digit(raw.charAt(end), 16) >= 0) {
            end++;
        }
        long code = end == at + 1 + digits ? Long.parseLong(raw.substring(at + 1, end), 16) : -1;
        if (code < 0) {
            String shape = digits == 2 ? "\\xXX" : digits == 4 ? "\\uXXXX" : "\\UXXXXXXXX";
            throw JinjaError.at(line, "truncated %s escape", shape);
        }
        if (code > Character.MAX_CODE_POINT) {
            throw JinjaError.at(line, "illegal Unicode character");
        }
        out.appendCodePoint((int) code);
        return end - 1;
    }

    static Object integer(Token token) {
        String digits = token.text().replace("_", "");
        int radix = digits.length() < 2
                ? 10
                : switch (Character.toLowerCase(digits.charAt(1))) {
                    case 'x' -> 16;
                    case 'o' -> 8;
                    case 'b' -> 2;
                    default -> 10;
                };
        try {
            return Long.parseLong(radix == 10 ? digits : digits.substring(2), radix);
        } catch (NumberFormatException e) {
            throw JinjaError.at(token.line(), "the integer %s does not fit 64 bits", token.text());
        }
    }
}
