package tutti.common.token.jinja;

import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What every template can call: Jinja's own functions, and the two that transformers adds. */
final class Globals {
    private Globals() {}

    private static final Map<String, Object> ALL = new HashMap<>();

    /** Nobody may change it. */
    static Map<String, Object> all() {
        return ALL;
    }

    static {
        add("raise_exception", (r, args) -> {
            throw new JinjaError(
                    0,
                    Repr.str(r.budget(), args.bind("raise_exception", "message").at(0)));
        });
        add("strftime_now", (r, args) -> {
            Object format = args.bind("strftime_now", "format").at(0);
            return time(r, Methods.text("strftime", format));
        });
        add("range", (r, args) -> range(args));
        add("dict", (r, args) -> dict(r, "dict", args));
        add("namespace", (r, args) -> new Namespace(dict(r, "namespace", args)));
        add("joiner", (r, args) -> joiner(args.bind("joiner", "sep?").or(0, ", ")));
        add("cycler", (r, args) -> new Cycler(args.list()));
    }

    private static void add(String name, Function function) {
        ALL.put(name, function);
    }

    private static Object range(Args args) {
        List<Object> bounds = args.list();
        if (bounds.isEmpty() || bounds.size() > 3) {
            throw JinjaError.of(
                    bounds.isEmpty()
                            ? "range expected at least 1 argument, got 0"
                            : "range expected at most 3 arguments, got " + bounds.size());
        }
        long first = Kinds.asLong(bounds.get(0));
        if (bounds.size() == 1) {
            return new Range(0, first, 1);
        }
        return new Range(first, Kinds.asLong(bounds.get(1)), bounds.size() == 2 ? 1 : Kinds.asLong(bounds.get(2)));
    }

    private static Map<Object, Object> dict(Rendering rendering, String name, Args args) {
        Map<Object, Object> entries = new LinkedHashMap<>();
        if (args.list().size() > 1) {
            throw JinjaError.of(
                    "%s expected at most 1 argument, got %d", name, args.list().size());
        }
        if (!args.list().isEmpty()) {
            if (args.at(0) instanceof Map<?, ?> map) {
                entries.putAll(map);
            } else {
                Iterator<Object> pairs = Kinds.iterate(rendering.budget(), args.at(0));
                while (pairs.hasNext()) {
                    Object next = pairs.next();
                    if (!Kinds.isIterable(next)) {
                        throw JinjaError.of(
                                "cannot convert dictionary update sequence element #%d to a sequence", entries.size());
                    }
                    List<Object> pair = Kinds.list(rendering.budget(), next);
                    if (pair.size() != 2) {
                        throw JinjaError.of(
                                "dictionary update sequence element #%d has length %d; 2 is required",
                                entries.size(), pair.size());
                    }
                    entries.put(Kinds.key(rendering.budget(), pair.get(0)), pair.get(1));
                }
            }
        }
        entries.putAll(args.named());
        rendering.budget().make(8L * entries.size());
        return entries;
    }

    /** Empty the first time, the separator ever after. */
    private static Function joiner(Object separator) {
        boolean[] used = {false};
        return (r, args) -> {
            Object text = used[0] ? separator : "";
            used[0] = true;
            return text;
        };
    }

    private static final class Cycler implements Members {
        private final List<Object> items;
        private int at;

        Cycler(List<Object> items) {
            if (items.isEmpty()) {
                throw JinjaError.of("at least one item has to be provided");
            }
            this.items = items;
        }

        @Override
        public Object member(Rendering rendering, String name) {
            return switch (name) {
                case "current" -> items.get(at);
                case "next" ->
                    (Function) (r, args) -> {
                        Object item = items.get(at);
                        at = (at + 1) % items.size();
                        return item;
                    };
                case "reset" ->
                    (Function) (r, args) -> {
                        at = 0;
                        return null;
                    };
                default -> Args.MISSING;
            };
        }
    }

    /** The time of this machine's zone in Python's directives, in English. */
    private static String time(Rendering rendering, String format) {
        ZonedDateTime now = ZonedDateTime.ofInstant(rendering.clock().instant(), ZoneId.systemDefault());
        rendering.budget().make(format.length() * 4L);
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < format.length(); i++) {
            char c = format.charAt(i);
            if (c != '%' || i + 1 == format.length()) {
                out.append(c);
                continue;
            }
            boolean unpadded = format.charAt(i + 1) == '-' && i + 2 < format.length();
            i += unpadded ? 2 : 1;
            String text = directive(now, format.charAt(i));
            out.append(unpadded ? text.replaceFirst("^0+(?=.)", "") : text);
        }
        return out.toString();
    }

    private static String directive(ZonedDateTime now, char directive) {
        String pattern = switch (directive) {
            case 'Y' -> "uuuu";
            case 'y' -> "uu";
            case 'm' -> "MM";
            case 'B' -> "MMMM";
            case 'b', 'h' -> "MMM";
            case 'd' -> "dd";
            case 'e' -> "ppd";
            case 'j' -> "DDD";
            case 'A' -> "EEEE";
            case 'a' -> "EEE";
            case 'H' -> "HH";
            case 'I' -> "hh";
            case 'M' -> "mm";
            case 'S' -> "ss";
            case 'f' -> "SSSSSS";
            case 'p' -> "a";
            case 'F' -> "uuuu-MM-dd";
            case 'T', 'X' -> "HH:mm:ss";
            case 'R' -> "HH:mm";
            case 'D', 'x' -> "MM/dd/uu";
            case 'c' -> "EEE MMM ppd HH:mm:ss uuuu";
            // A naive time has no zone.
            case 'z', 'Z' -> "";
            case '%' -> "'%'";
            default -> throw JinjaError.of("the directive %%%s of strftime_now is not supported", directive);
        };
        return pattern.isEmpty()
                ? ""
                : DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH).format(now);
    }
}
