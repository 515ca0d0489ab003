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
     * Takes over {@link System#in}, of an agent that says nothing.
     *
     * @param aeronDir the dead agent's folder, deleted here because nobody else is left to do it
     */
    public static void start(Path aeronDir) {
        start(aeronDir, () -> {}, () -> {}, () -> {});
    }

    /** As above, where the agent has no folder. */
    public static void start() {
        start(null);
    }

    /**
     * As above, and obeys the agent's words.
     *
     * @param preempt makes room; returns at once
     * @param coordinatorLost goes on with the next coordinator; returns at once
     * @param end ends this process; may take its time
     */
    public static void start(Path aeronDir, Runnable preempt, Runnable coordinatorLost, Runnable end) {
        Thread watch = new Thread(() -> outlive(aeronDir, preempt, coordinatorLost, end), "tutti-parent-watch");
        watch.setDaemon(true);
        watch.start();
    }

    private static void outlive(Path aeronDir, Runnable preempt, Runnable coordinatorLost, Runnable end) {
        listenToTheEnd(preempt, coordinatorLost, end);
        try {
            if (aeronDir != null) {
                Trees.delete(aeronDir);
            }
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

    private static void listenToTheEnd(Runnable preempt, Runnable coordinatorLost, Runnable end) {
        try {
            for (int word = System.in.read(); word >= 0; word = System.in.read()) {
                if (word == Word.PREEMPT.code()) {
                    preempt.run();
                } else if (word == Word.COORDINATOR_LOST.code()) {
                    coordinatorLost.run();
                } else if (word == Word.END.code()) {
                    // Beside this thread, which still has to notice the agent's death.
                    Thread ending = new Thread(end, "tutti-end");
                    ending.setDaemon(true);
                    ending.start();
                }
            }
        } catch (IOException e) {
            LoggerFactory.getLogger(ParentWatch.class).warn("standard input failed; taken as the agent's end", e);
        }
    }
}
