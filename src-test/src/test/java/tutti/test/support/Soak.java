package tutti.test.support;

import org.junit.jupiter.api.Assumptions;

/** Tests and forms of tests that take minutes; {@code -Dtutti.soak=true} asks for them. */
public final class Soak {
    private static final String PROPERTY = "tutti.soak";

    private Soak() {}

    public static boolean wanted() {
        return Boolean.getBoolean(PROPERTY);
    }

    /** Skips the test, saying so, where nobody asked for it. */
    public static void require() {
        Assumptions.assumeTrue(wanted(), "skipped: takes minutes; -D" + PROPERTY + "=true runs it");
    }
}
