package tutti.deploy.agent;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
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

    /** What a rank is told. */
    public interface Words {
        /**
         * @param aeronDir folder of the media driver that serves this rank
         * @return the words of its command
         */
        List<String> of(int rank, Path aeronDir);
    }

    /**
     * Starts the ranks and waits for their end.
     *
     * @param together whether one media driver serves them all, as on one node; else each has its own, as on a node of its own
     * @param most how long the ranks may take
     * @param lines gets the standard output of rank 0 line by line, on a thread of its own; must not throw
     * @return 0, or the exit code of the rank that failed
     */
    public int run(int ranks, boolean together, Duration most, Words words, Consumer<String> lines) {
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        PrintStream quiet = new PrintStream(said, true, StandardCharsets.UTF_8);
        Terminal terminal = new Terminal(quiet, quiet, false);
        int code = Category.PEER.exitCode();
        NodeProcesses node = new NodeProcesses(terminal, patience, () -> {});
        try (node) {
            List<Path> aeronDirs = new ArrayList<>();
            for (int rank = 0; rank < ranks; rank++) {
                aeronDirs.add(together && rank > 0 ? aeronDirs.get(0) : node.startDriver());
            }
            boolean going = true;
            for (int rank = 0; going && rank < ranks; rank++) {
                int one = rank;
                List<String> line = command.of(Role.WORKER, words.of(rank, aeronDirs.get(rank)));
                going = node.start(() -> start(node, one, line, terminal, lines));
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

    private static Child start(
            NodeProcesses node, int rank, List<String> line, Terminal terminal, Consumer<String> lines) {
        Process process = NodeProcesses.launch(new ProcessBuilder(line));
        String pump = "tutti-pump-rank-" + rank;
        Pump.LineReader show = (bytes, length) -> terminal.workerLine("[rank %d] ".formatted(rank), bytes, length);
        Pump.LineReader take = (bytes, length) -> lines.accept(new String(bytes, 0, length, StandardCharsets.UTF_8));
        node.add(Pump.lines(pump + "-out", process.getInputStream(), rank == 0 ? take : show));
        node.add(Pump.lines(pump + "-err", process.getErrorStream(), show));
        return new Child(rank, process, null);
    }
}
