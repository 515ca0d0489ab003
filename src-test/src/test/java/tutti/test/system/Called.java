package tutti.test.system;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.slf4j.LoggerFactory;
import tutti.deploy.Tutti;

/**
 * One {@code tutti} in this process, for a command that starts no other: a process takes seconds of a core to start. What of it is the
 * process's own (exit code, streams, the script) is shown by one {@link TuttiProcess} for each family of such tests.
 *
 * @param out what it printed, without the last line end
 */
record Called(int code, String out, String err) {
    static Called tutti(String... words) {
        return saying("", words);
    }

    /** @param input standard input */
    static Called saying(String input, String... words) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        // Logging speaks to standard output while it is set up.
        LoggerFactory.getILoggerFactory();
        InputStream in = System.in;
        PrintStream standardOut = System.out;
        PrintStream standardErr = System.err;
        System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
        System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
        int code;
        try {
            code = Tutti.execute(words);
        } finally {
            System.setIn(in);
            System.setOut(standardOut);
            System.setErr(standardErr);
        }
        return new Called(code, text(out), text(err));
    }

    private static String text(ByteArrayOutputStream stream) {
        return String.join("\n", stream.toString(StandardCharsets.UTF_8).lines().toList());
    }

    /** Of both streams. */
    List<String> lines() {
        return text().lines().toList();
    }

    /** Both streams, one behind the other. */
    String text() {
        return out + "\n" + err;
    }
}
