package tutti.deploy.agent;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.LoggerFactory;

/**
 * Kills a coordinator that hangs: it lives, and its heartbeat file, which it touches every few seconds, is not touched any more. The
 * {@link Supervisor} then starts the next one, as after any other death. Before the first touch it may take its time.
 *
 * @param hung longer than a heartbeat can be late in a process that works
 * @param look how often the file is looked at
 */
record CoordinatorWatch(Process process, Path heartbeat, Duration hung, Duration look, Consumer<String> note) {
    static final Duration HUNG = Duration.ofSeconds(45);
    static final Duration LOOK = Duration.ofSeconds(2);

    /** Watches on a thread of its own until the process ends. */
    void start() {
        Thread thread = new Thread(this::watch, "tutti-watch-coordinator");
        thread.setDaemon(true);
        thread.start();
    }

    private void watch() {
        try {
            Optional<FileTime> last = Optional.empty();
            long looked = System.nanoTime();
            long still = 0;
            while (!process.waitFor(look.toMillis(), TimeUnit.MILLISECONDS)) {
                long now = System.nanoTime();
                Optional<FileTime> touched = touched();
                // Whoever stops this process, or the machine, may have stopped both: a late look counts as one in time.
                still = touched.equals(last) ? still + Math.min(now - looked, 2 * look.toNanos()) : 0;
                if (last.isPresent() && still > hung.toNanos()) {
                    note.accept("the coordinator (pid %d) has stood still for %d s; it is killed"
                            .formatted(process.pid(), hung.toSeconds()));
                    process.toHandle().destroyForcibly();
                    return;
                }
                last = touched;
                looked = now;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private Optional<FileTime> touched() {
        try {
            return Files.exists(heartbeat) ? Optional.of(Files.getLastModifiedTime(heartbeat)) : Optional.empty();
        } catch (IOException e) {
            LoggerFactory.getLogger(CoordinatorWatch.class).debug("{}: {}", heartbeat, e.toString());
            return Optional.empty();
        }
    }
}
