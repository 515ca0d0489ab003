package tutti.deploy.agent;

import static tutti.common.error.TuttiException.environment;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What one command has started on this node: media drivers, children, and the pumps of their output. All of it ends in {@link
 * #close}, or in the hook that a signal sets off, whichever comes first.
 */
final class NodeProcesses implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(NodeProcesses.class);
    private static final long PUMP_SECONDS = 2;

    private final Supervisor supervisor;
    private final Thread hook;
    private final Queue<Pump> pumps = new ConcurrentLinkedQueue<>();
    private final List<NodeDriver> drivers = new ArrayList<>();
    private boolean ended;
    private volatile boolean signalled;

    /** @param last what remains to be done after a signal has ended everything else */
    NodeProcesses(Terminal terminal, Patience patience, Runnable last) {
        AeronFolders.deleteStale(AeronFolders.SHARED_MEMORY);
        supervisor = new Supervisor(terminal, patience, hostName());
        hook = new Thread(
                () -> {
                    signalled = true;
                    end();
                    last.run();
                },
                "tutti-agent-shutdown");
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /** Starts a media driver. @return its folder in shared memory, which is gone when this is closed */
    synchronized Path startDriver() {
        Path folder = AeronFolders.name(
                AeronFolders.SHARED_MEMORY, ProcessHandle.current().pid());
        // A signal may have come before the driver: then its hook is through, and nobody would delete the folder.
        if (!ended) {
            drivers.add(NodeDriver.start(folder));
        }
        return folder;
    }

    /** Starts a child and watches it. False if a signal came first: then nothing was started. */
    boolean start(Supervisor.Starter starter) {
        return supervisor.start(starter);
    }

    /** Starts a process, for a {@link Supervisor.Starter}; its standard input stays open as long as this process lives. */
    static Process launch(ProcessBuilder builder) {
        try {
            return builder.start();
        } catch (IOException e) {
            throw environment("cannot start %s: %s", builder.command().get(0), e.getMessage());
        }
    }

    /** What the pump carries is through when this is closed. */
    void add(Pump pump) {
        pumps.add(pump);
    }

    /** As {@link #start}, and starts it again when it is killed; see {@link Supervisor#watch(int)}. */
    boolean keep(Supervisor.Starter starter) {
        return supervisor.keep(starter);
    }

    /** Waits for the end of the run. @return its exit code */
    int watch(int maxRestarts) throws InterruptedException {
        return supervisor.watch(maxRestarts);
    }

    /** As {@link #watch(int)}, for children that must have ended after so long. */
    int watch(Duration most) throws InterruptedException {
        return supervisor.watch(most);
    }

    /** See {@link Supervisor#preempt}. */
    boolean preempt(Duration grace) {
        return supervisor.preempt(grace);
    }

    /** A signal is ending this process. */
    boolean signalled() {
        return signalled;
    }

    @Override
    public void close() {
        end();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            LOG.debug("the hook is running: this end is a signal's", e);
        }
    }

    /** Whoever comes second waits for the first and finds nothing to do. */
    private synchronized void end() {
        ended = true;
        supervisor.stop();
        for (Pump pump : pumps) {
            try {
                pump.finish(PUMP_SECONDS, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        pumps.clear();
        drivers.forEach(NodeDriver::close);
    }

    /** The kernel's name for this machine: no DNS, which may take seconds to fail. */
    private static String hostName() {
        try {
            return Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
        } catch (IOException e) {
            return "this host";
        }
    }
}
