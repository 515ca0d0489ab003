package tutti.common.token.jinja;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Filters that know what a word, a line or an address is. */
final class Words {
    private static final Pattern WORD = Pattern.compile("[\\p{L}\\p{N}_]+");
    private static final Pattern BEFORE_WORD = Pattern.compile("[-\\s({\\[<]+", Pattern.UNICODE_CHARACTER_CLASS);

    private Words() {}

    /** A capital behind a blank, a dash or an opening bracket, and nowhere else. */
    static String title(String text) {
        StringBuilder out = new StringBuilder();
        Matcher gap = BEFORE_WORD.matcher(text);
        int from = 0;
        while (gap.find()) {
            out.append(capital(text.substring(from, gap.start()))).append(gap.group());
            from = gap.end();
        }
        return out.append(capital(text.substring(from))).toString();
    }

    private static String capital(String word) {
        if (word.isEmpty()) {
            return word;
        }
        int first = word.offsetByCodePoints(0, 1);
        return Strings.upper(word.substring(0, first)) + Strings.lower(word.substring(first));
    }

    static long count(String text) {
        return WORD.matcher(text).results().count();
    }

    static String escape(String text) {
        return text.replace("&", "&amp;")
                .replace(">", "&gt;")
                .replace("<", "&lt;")
                .replace("'", "&#39;")
                .replace("\"", "&#34;");
    }

    /** @param args width, first, blank */
    static String indent(Rendering rendering, Object value, Args args) {
        if (value instanceof Undefined undefined) {
            throw undefined.fail();
        }
        if (!(value instanceof String text)) {
            throw JinjaError.of("unsupported operand type(s) for +=: '%s' and 'str'", Kinds.name(value));
        }
        Object width = args.or(0, 4L);
        String indent =
                width instanceof String s ? s : Methods.pad(rendering, "", Math.max(0, Kinds.asInt(width)), " ");
        List<Object> lines = Strings.lines(text + "\n", false);
        rendering.budget().make(text.length() + (long) lines.size() * (indent.length() + 1));
        StringBuilder out = new StringBuilder(args.flag(1, false) ? indent : "");
        boolean blank = args.flag(2, false);
        for (int i = 0; i < lines.size(); i++) {
            String line = (String) lines.get(i);
            out.append(i == 0 ? "" : "\n")
                    .append(i > 0 && (blank || !line.isEmpty()) ? indent : "")
                    .append(line);
        }
        return out.toString();
    }

    /** @param args length, killwords, end, leeway */
    static Object truncate(Object value, Args args) {
        int length = Kinds.asInt(args.or(0, 255L));
        String end = Methods.text("truncate", args.or(2, "..."));
        Object leewayGiven = args.or(3, null);
        int leeway = leewayGiven == null ? 5 : Kinds.asInt(leewayGiven);
        int endLength = Kinds.length(end);
        if (length < endLength) {
            throw JinjaError.of("expected length >= %d, got %d", endLength, length);
        }
        if (leeway < 0) {
            throw JinjaError.of("expected leeway >= 0, got %d", leeway);
        }
        if (Kinds.length(value) < 0) {
            throw JinjaError.of("object of type '%s' has no len()", Kinds.name(value));
        }
        if (Kinds.length(value) <= (long) length + leeway) {
            return value;
        }
        String text = Methods.text("truncate", value);
        String cut = Strings.sub(text, 0, length - endLength);
        return (args.flag(1, false)
                        ? cut
                        : (String) Strings.splitRight(cut, " ", 1).get(0))
                + end;
    }

    static String urlencode(Rendering rendering, Object value, Args args) {
        if (value instanceof String || !Kinds.isIterable(value)) {
            return quote(Repr.str(rendering.budget(), value), false);
        }
        List<String> pairs = new ArrayList<>();
        Iterator<Object> items =
                Kinds.iterate(rendering.budget(), value instanceof Map<?, ?> map ? Methods.items(map) : value);
        while (items.hasNext()) {
            List<Object> pair = Target.unpack(rendering.budget(), items.next(), 2);
            pairs.add(quote(Repr.str(rendering.budget(), pair.get(0)), true) + "="
                    + quote(Repr.str(rendering.budget(), pair.get(1)), true));
        }
        return String.join("&", pairs);
    }

    private static String quote(String text, boolean query) {
        StringBuilder out = new StringBuilder();
        for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
            char c = (char) (b & 0xff);
            if (c < 128 && (Character.isLetterOrDigit(c) || "_.-~".indexOf(c) >= 0 || (c == '/' && !query))) {
                out.append(c);
            } else {
                out.append(c == ' ' && query ? "+" : "%%%02X".formatted((int) c));
            }
        }
        return out.toString();
    }
}
