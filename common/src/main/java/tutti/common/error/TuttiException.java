package tutti.common.error;

import java.util.Locale;

/**
 * A failure with a {@link Category}. The message is one line written for the person at the terminal: what, where, the
 * value, the rule, the likely fix. It is printed without a stack trace unless {@code --verbose} is given.
 */
public final class TuttiException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final Category category;

    public TuttiException(Category category, String message) {
        super(message);
        this.category = category;
    }

    public TuttiException(Category category, String message, Throwable cause) {
        super(message, cause);
        this.category = category;
    }

    public Category category() {
        return category;
    }

    public static TuttiException user(String format, Object... args) {
        return new TuttiException(Category.USER, format(format, args));
    }

    public static TuttiException data(String format, Object... args) {
        return new TuttiException(Category.DATA, format(format, args));
    }

    public static TuttiException environment(String format, Object... args) {
        return new TuttiException(Category.ENVIRONMENT, format(format, args));
    }

    public static TuttiException bug(String format, Object... args) {
        return new TuttiException(Category.BUG, format(format, args));
    }

    /** Throws a {@link Category#USER} failure unless {@code ok}. */
    public static void require(boolean ok, String format, Object... args) {
        require(ok, Category.USER, format, args);
    }

    public static void require(boolean ok, Category category, String format, Object... args) {
        if (!ok) {
            throw new TuttiException(category, format(format, args));
        }
    }

    /** Numbers look the same in every locale. */
    private static String format(String format, Object... args) {
        return args.length == 0 ? format : String.format(Locale.ROOT, format, args);
    }
}
