package tutti.deploy.doctor;

import java.util.Locale;

/**
 * One line of {@code tutti doctor}.
 *
 * @param subject what was looked at
 * @param value what is there
 * @param repair what to do about it; empty if nothing
 */
public record Finding(Level level, String subject, String value, String repair) {

    public enum Level {
        OK,
        /** A run works, but slower or with less room. */
        WARN,
        /** A run does not work. */
        MISSING;

        public String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    static Finding ok(String subject, String value) {
        return new Finding(Level.OK, subject, value, "");
    }

    static Finding warn(String subject, String value, String repair) {
        return new Finding(Level.WARN, subject, value, repair);
    }

    static Finding missing(String subject, String value, String repair) {
        return new Finding(Level.MISSING, subject, value, repair);
    }

    @Override
    public String toString() {
        String line = "%-8s %-18s %s".formatted(level.word(), subject, value);
        return repair.isEmpty() ? line : line + "; " + repair;
    }
}
