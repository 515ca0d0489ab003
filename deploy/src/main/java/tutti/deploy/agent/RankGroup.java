package tutti.deploy.agent;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import tutti.common.error.Category;
import tutti.deploy.agent.ChildCommand.Role;

/**
 * The ranks of one command, a process each on this node, without a coordinator and without an output folder. They end with this
 * process, however it ends; each has to start a {@link ParentWatch}.
 *
 * @param command starts a rank
 * @param err gets what the ranks said if one of them fails
 */
public record RankGroup(ChildCommand command, Patience patience, PrintStream err) {

    /** A line of results may be long: it has the answers of a batch. */
    private static final int MAX_RESULT_BYTES = 1 << 26;

    /** Which ranks share a media driver. */
    public enum Driver {
        /** They are as on one node. */
        SHARED,
        /** Each is as on a node of its own. */
        EACH,
        /** They do not talk to each other. */
        NONE
    }

    /** What a rank is told. */
    public interface Words {
        /**
         * @param aeronDir folder of the media driver that serves this rank; null where there is none
         * @return the words of its command
         */
        List<String> of(int rank, Path aeronDir);
    }

    /** Hears the ranks, each on a thread of its own. */
    public interface Listener {
        /**
         * Must not throw.
         *
         * @param line of standard output
         * @return false for what is no result, and is shown if a rank fails
         */
        boolean take(int rank, String line);
    }

    /**
     * Starts the ranks and waits for their end.
     *
     * @param most how long the ranks may take
     * @return 0, or the exit code of the rank that failed
     */
    public int run(int ranks, Driver driver, Duration most, Words words, Listener listener) {
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        PrintStream quiet = new PrintStream(said, true, StandardCharsets.UTF_8);
        Terminal terminal = new Terminal(quiet, quiet, false);
        int code = Category.PEER.exitCode();
        NodeProcesses node = new NodeProcesses(terminal, patience, () -> {});
        try (node) {
            List<Path> aeronDirs = new ArrayList<>();
            for (int rank = 0; rank < ranks; rank++) {
                aeronDirs.add(
                        switch (driver) {
                            case SHARED -> rank > 0 ? aeronDirs.get(0) : node.startDriver();
                            case EACH -> node.startDriver();
                            case NONE -> null;
                        });
            }
            boolean going = true;
            for (int rank = 0; going && rank < ranks; rank++) {
                int one = rank;
                List<String> line = command.of(Role.WORKER, words.of(rank, aeronDirs.get(rank)));
                going = node.start(() -> start(node, one, line, terminal, listener));
            }
            code = node.watch(most);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (code != 0 && !node.signalled()) {
            err.print(said.toString(StandardCharsets.UTF_8));
            err.flush();
        }
        return code;
    }

    private static Child start(NodeProcesses node, int rank, List<String> line, Terminal terminal, Listener listener) {
        Process process = NodeProcesses.launch(new ProcessBuilder(line));
        String pump = "tutti-pump-rank-" + rank;
        Pump.LineReader show = (bytes, length) -> terminal.workerLine("[rank %d] ".formatted(rank), bytes, length);
        Pump.LineReader take = (bytes, length) -> {
            if (!listener.take(rank, new String(bytes, 0, length, StandardCharsets.UTF_8))) {
                show.line(bytes, length);
            }
        };
        node.add(Pump.lines(pump + "-out", process.getInputStream(), MAX_RESULT_BYTES, take));
        node.add(Pump.lines(pump + "-err", process.getErrorStream(), show));
        return new Child(rank, process, null);
    }
}
