package tutti.common.token.jinja;

import java.util.Locale;

/** What Python would raise: the message is Python's, word for word. {@link JinjaTemplate} adds the place and the category. */
final class JinjaError extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Of the template, from 1; 0 where the caller knows it. */
    private final int line;

    JinjaError(int line, String message) {
        super(message);
        this.line = line;
    }

    static JinjaError of(String format, Object... args) {
        return new JinjaError(0, args.length == 0 ? format : String.format(Locale.ROOT, format, args));
    }

    static JinjaError at(int line, String format, Object... args) {
        return new JinjaError(line, String.format(Locale.ROOT, format, args));
    }

    int line() {
        return line;
    }
}
