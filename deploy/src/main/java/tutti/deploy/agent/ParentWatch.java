package tutti.deploy.agent;

import java.io.IOException;
import java.nio.file.Path;
import org.slf4j.LoggerFactory;
import tutti.common.error.Category;

/**
 * Ends this process when its agent dies, however it dies: the agent holds the other end of our standard input, and the kernel
 * closes it.
 */
public final class ParentWatch {
    private ParentWatch() {}

    /**
     * Takes over {@link System#in}.
     *
     * @param aeronDir the dead agent's folder, deleted here because nobody else is left to do it
     */
    public static void start(Path aeronDir) {
        Thread watch = new Thread(() -> outlive(aeronDir), "tutti-parent-watch");
        watch.setDaemon(true);
        watch.start();
    }

    private static void outlive(Path aeronDir) {
        waitForTheEnd();
        try {
            Trees.delete(aeronDir);
            // Fetched late: logging starts slowly, and most children never need it here.
            LoggerFactory.getLogger(ParentWatch.class).error("the agent is gone; this process ends");
        } catch (IOException e) {
            // Expected when several children delete at once; the next agent cleans up what is left.
            LoggerFactory.getLogger(ParentWatch.class).info("{}: {}", aeronDir, e.toString());
        } finally {
            // Not exit: shutdown hooks might wait for peers that are ending in the same way.
            Runtime.getRuntime().halt(Category.PEER.exitCode());
        }
    }

    private static void waitForTheEnd() {
        try {
            // The agent never writes: this returns only at its end.
            while (System.in.read() >= 0) {
                continue;
            }
        } catch (IOException e) {
            LoggerFactory.getLogger(ParentWatch.class).warn("standard input failed; taken as the agent's end", e);
        }
    }
}
