package tutti.deploy.agent;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * The terminal that all children share. The coordinator's bytes pass unchanged; lines of workers and of the agent are written
 * whole, never into the middle of another line.
 */
final class Terminal {
    private static final byte[] ERASE_LINE = "\r\033[K".getBytes(StandardCharsets.US_ASCII);

    private final PrintStream out;
    private final PrintStream err;
    private final boolean progressBar;
    private boolean midLine;

    /** @param progressBar the coordinator redraws an unfinished line, which others may erase */
    Terminal(PrintStream out, PrintStream err, boolean progressBar) {
        this.out = out;
        this.err = err;
        this.progressBar = progressBar;
    }

    /** The coordinator's bytes as they come. */
    synchronized void raw(boolean toErr, byte[] bytes, int length) {
        PrintStream stream = toErr ? err : out;
        stream.write(bytes, 0, length);
        stream.flush();
        midLine = bytes[length - 1] != '\n';
    }

    synchronized void workerLine(String prefix, byte[] bytes, int length) {
        startLine();
        out.print(prefix);
        out.write(bytes, 0, length);
        out.write('\n');
        out.flush();
    }

    synchronized void error(String line) {
        startLine();
        err.println("tutti: error: " + line);
        err.flush();
    }

    synchronized void note(String line) {
        startLine();
        out.println("tutti: note: " + line);
        out.flush();
    }

    private void startLine() {
        if (!midLine) {
            return;
        }
        if (progressBar) {
            out.write(ERASE_LINE, 0, ERASE_LINE.length);
        } else {
            out.write('\n');
        }
        midLine = false;
    }
}
